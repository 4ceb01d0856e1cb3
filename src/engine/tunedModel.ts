/** A whole model that another tool trained from an open base model: its weights as those of a full training run. */

import { parametersOf, tensorsOfConfig } from "../artifacts/method.ts";
import { ExportError } from "../export/files.ts";
import type { ModelFiles } from "../hub/files.ts";
import { openModel } from "../hub/model.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { defineModel } from "../models/define.ts";
import type { ByteSource } from "../tensor/bytes.ts";
import { cut, quote } from "../tensor/quote.ts";
import { fileTensorOf, readParameter } from "../training/parameters.ts";
import type { LoadedModel } from "./library.ts";
import type { TunedWeights } from "./openTuned.ts";

/**
 * Opens the folder and compares its config with the base model's. Throws ModelError as `openModel` does, and ExportError for a
 * model of another form, with the field and both values.
 */
export async function readTunedModel(
  files: ModelFiles,
  { definition, summary, opened: base }: LoadedModel,
  signal: AbortSignal | undefined,
): Promise<TunedWeights> {
  const opened = await openModel(withTokenizer(files, base.files), tensorsOfConfig, signal ? { signal } : {});
  const own = defineModel(opened.config, { untied: opened.untied });
  const difference = differenceOf(own, definition);
  if (difference) {
    throw new ExportError(
      `${cut(files.place)} is no tuned form of ${cut(summary.name)}: ${difference}. Open it under Model as a base model of its own.`,
    );
  }
  const method = { kind: "full" } as const;
  const specs = parametersOf(definition, method);
  // The files may have another prefix than the architecture's names.
  const byTensor = new Map(specs.map((spec) => [opened.tensors.get(fileTensorOf(spec).name)?.name, spec]));
  const { _name_or_path: named } = opened.config;
  return {
    method,
    baseModel: typeof named === "string" && named !== "" ? named : null,
    notes: opened.notes,
    async check(visit) {
      await opened.readAll({
        signal,
        async onTensor(name, values) {
          const spec = byTensor.get(name);
          if (spec) await visit({ name: spec.name, shape: spec.shape, data: fileTensorOf(spec).toParameter(values) });
        },
      });
    },
    async read(name) {
      const spec = specs.find((one) => one.name === name);
      if (!spec) throw new RangeError(`The model has no parameter ${name}.`);
      return readParameter(spec, (tensor) => opened.read(tensor, signal));
    },
  };
}

/** A trainer's checkpoint may have no tokenizer: then the base model's files stand in. */
function withTokenizer(files: ModelFiles, base: readonly ByteSource[]): ModelFiles {
  const { listing } = files;
  if (!listing || listing.includes("tokenizer.json")) return files;
  const names = ["tokenizer.json", "tokenizer_config.json"].filter((name) => !listing.includes(name));
  const own = new Map(base.filter(({ name }) => names.includes(name)).map((source) => [source.name, source]));
  return {
    ...files,
    listing: [...listing, ...own.keys()],
    open: async (name, options) => own.get(name) ?? files.open(name, options),
    measure: async (name, signal) => own.get(name)?.byteLength ?? files.measure(name, signal),
  };
}

/** The first difference of two models that changes the mathematics, with both values; null without one. */
function differenceOf(own: ModelDefinition, base: ModelDefinition): string | null {
  if (own.key === base.key) return null;
  if (own.architecture !== base.architecture)
    return `its architecture is ${own.architecture}, not ${base.architecture}`;
  const [a, b] = [own, base].map(({ key, architecture }) => JSON.parse(key.slice(architecture.length + 1))) as [
    Readonly<Record<string, unknown>>,
    Readonly<Record<string, unknown>>,
  ];
  // transformers writes a field as null that another version leaves out.
  const text = (value: unknown) => JSON.stringify(value ?? null);
  const field = [...new Set([...Object.keys(a), ...Object.keys(b)])].find((name) => text(a[name]) !== text(b[name]));
  return field === undefined ? null : `its ${field} is ${quote(a[field])}, not ${quote(b[field])}`;
}
