/** A LoRA step of SmolLM2-135M's shapes. */

import { configs } from "../../../src/models/catalogueConfigs.ts";
import type { RunPart } from "../part.ts";
import { reportSteps } from "../steps.ts";

export const run: RunPart = (place) =>
  reportSteps(place, configs.smolLM2Small, [
    ["float32", "whole graph"],
    ["float32", "by layer"],
    ["float16", "by layer"],
    ["int4", "by layer"],
  ]);
