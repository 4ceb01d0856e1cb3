/** A model's parameters with all matrices in one storage, whether or not a graph could use them. */

import type { ParameterSpec } from "../src/artifacts/contract.ts";
import { parametersOf } from "../src/artifacts/method.ts";
import type { OpenModel } from "../src/hub/model.ts";
import { defineModel } from "../src/models/define.ts";
import { partsOf, storable, type WeightStorage } from "../src/tensor/storage.ts";

export const specsAs = ({ config, untied }: OpenModel, storage: WeightStorage): ParameterSpec[] =>
  parametersOf(defineModel(config, { untied }), null).map((spec) => {
    const own = spec.shape.length === 2 ? storable(storage, spec.shape) : spec.storage;
    const parts = partsOf(own, spec.shape);
    return { ...spec, storage: own, ports: parts.map((part) => ({ ...part, name: spec.name + part.suffix })) };
  });
