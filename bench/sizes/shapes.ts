/** Models of real shapes: configs of published models, from the page's catalogue. */

import { configs } from "../../src/models/catalogueConfigs.ts";

export const shapes = {
  "smollm2-135m": configs.smolLM2Small,
  "smollm2-360m": configs.smolLM2Medium,
  "qwen3-0.6b": configs.qwen3,
  "llama3.2-1b": configs.llama32,
} as const;

export type ShapeName = keyof typeof shapes;

export const shapeNames = Object.keys(shapes) as readonly ShapeName[];
