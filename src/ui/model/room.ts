/** Whether a model fits this machine, from what the browser says. */

import type { EngineReport, ModelNeeds, NeedsStorage } from "../../protocol/engine.ts";
import { bytes } from "../format.ts";
import { modelWords } from "../words/model.ts";

const words = modelWords.room;

/** Bytes that a 32-bit WebAssembly module can address. */
const withoutGpu = 2 ** 32;

/** Bytes of GPU memory that many laptops have: a larger need is said, because no browser names its GPU's memory. */
const usualGpu = 8e9;

type Machine = Pick<EngineReport, "provider" | "adapter">;

/** Base weights from the best quality to the least memory. */
const storages = ["float16", "int8", "int4"] as const satisfies readonly NeedsStorage[];

/** Bytes that training can have; null where the browser does not say. */
export const memoryLimit = ({ provider }: Machine): number | null => (provider === "wasm" ? withoutGpu : null);

const largestBuffer = ({ adapter }: Machine) => adapter?.maxBufferSize ?? Number.POSITIVE_INFINITY;

/** Why no method can train the model on this machine, with both figures; null where one can. */
export function tooLarge({ lora, largestTensor }: ModelNeeds, machine: Machine): string | null {
  const limit = memoryLimit(machine);
  if (limit !== null && lora.int4 > limit) return words.tooLarge(bytes(lora.int4), bytes(limit));
  const buffer = largestBuffer(machine);
  return largestTensor.int4 > buffer ? words.tensorTooLarge(bytes(largestTensor.int4), bytes(buffer)) : null;
}

/** The most bits of base weights, up to 16, with which LoRA fits this machine as far as is known; null where none do. */
export function mostBits({ lora, largestTensor }: ModelNeeds, machine: Machine): (typeof storages)[number] | null {
  const limit = memoryLimit(machine) ?? Number.POSITIVE_INFINITY;
  return storages.find((each) => lora[each] <= limit && largestTensor[each] <= largestBuffer(machine)) ?? null;
}

/** A caution for a model that may not fit, or fits with fewer bits only; null for a small one. */
export function caution(needs: ModelNeeds, machine: Machine): string | null {
  const { lora } = needs;
  const bits = mostBits(needs, machine);
  if (bits === "int8" || bits === "int4") return words.withBits(words.bits[bits], bytes(lora[bits]));
  if (machine.provider === "wasm" || lora.float16 <= usualGpu) return null;
  return words.large(bytes(lora.float16), bytes(lora.int4), bytes(usualGpu));
}

/** `16 bits 2.5 GB, 8 bits 1.4 GB, 4 bits 0.9 GB`. */
export const loraNeeds = ({ lora }: ModelNeeds): string =>
  storages.map((storage) => `${words.bits[storage]} ${bytes(lora[storage])}`).join(", ");
