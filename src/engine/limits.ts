/** What a device can have in memory, as far as it is known. */

import { parameterBytes } from "../artifacts/contract.ts";
import { parametersOf } from "../artifacts/method.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { ProviderReport } from "../runtime/types.ts";

/** Bytes that 32-bit WebAssembly can address. */
const wasmLimit = 2 ** 32;
/** Share of the limit that weights may take; sessions and activations need the rest. */
const share = 0.8;

/** Most bytes that the engine can address; null where it is not known. */
export const limitOf = ({ provider }: Pick<ProviderReport, "provider">): number | null =>
  provider === "wasm" ? wasmLimit : null;

/** Whether the base model's weights leave room for answers and losses. */
export function weightsFit(model: ModelDefinition, device: Pick<ProviderReport, "provider">): boolean {
  const limit = limitOf(device);
  const bytes = parametersOf(model, null).reduce((sum, spec) => sum + parameterBytes(spec), 0);
  return limit === null || bytes <= share * limit;
}
