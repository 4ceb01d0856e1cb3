/** A LoRA step of SmolLM2-135M's shapes. */

import { configs } from "../../../src/models/catalogueConfigs.ts";
import type { RunPart } from "../part.ts";
import { reportSteps } from "../steps.ts";

export const run: RunPart = (place) =>
  reportSteps(place, configs.smolLM2Small, [
    ["float32", "whole"],
    ["float32", "smallest"],
    ["float16", "smallest"],
    ["int4", "smallest"],
  ]);
