/** Whether a model fits this machine, from what the browser says. */

import type { EngineReport, ModelNeeds } from "../../protocol/engine.ts";
import { bytes } from "../format.ts";
import { modelWords } from "../words/model.ts";

const words = modelWords.room;

/** Bytes that a 32-bit WebAssembly module can address. */
const withoutGpu = 2 ** 32;

/** Bytes of GPU memory that many laptops have: a larger need is said, because no browser names its GPU's memory. */
const usualGpu = 8e9;

type Machine = Pick<EngineReport, "provider" | "adapter">;

/** Bytes that training can have; null where the browser does not say. */
export const memoryLimit = ({ provider }: Machine): number | null => (provider === "wasm" ? withoutGpu : null);

/** Why no method can train the model on this machine, with both figures; null where one can. */
export function tooLarge({ lora, largestTensor }: ModelNeeds, machine: Machine): string | null {
  const limit = memoryLimit(machine);
  if (limit !== null && lora > limit) return words.tooLarge(bytes(lora), bytes(limit));
  const buffer = machine.adapter?.maxBufferSize ?? Number.POSITIVE_INFINITY;
  return largestTensor > buffer ? words.tensorTooLarge(bytes(largestTensor), bytes(buffer)) : null;
}

/** A caution for a model that may not fit; null for a small one. */
export const caution = ({ lora }: ModelNeeds, { provider }: Machine): string | null =>
  provider === "webgpu" && lora > usualGpu ? words.large(bytes(lora), bytes(usualGpu)) : null;
