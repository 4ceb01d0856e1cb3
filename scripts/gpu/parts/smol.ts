/** A LoRA step of SmolLM2-135M's shapes. */

import { configs } from "../../../src/models/catalogueConfigs.ts";
import type { RunPart } from "../part.ts";
import { takeSteps } from "../realShapes.ts";

export const run: RunPart = (place) => takeSteps(place, configs.smolLM2Small, ["float32", "float16", "int4"]);
