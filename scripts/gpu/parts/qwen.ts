/** A LoRA step of Qwen3-0.6B's shapes, with weights in 16 and in 4 bits. */

import { configs } from "../../../src/models/catalogueConfigs.ts";
import type { RunPart } from "../part.ts";
import { reportSteps } from "../steps.ts";

export const run: RunPart = (place) =>
  reportSteps(place, configs.qwen3, [
    ["float16", "smallest"],
    ["int4", "smallest"],
  ]);
