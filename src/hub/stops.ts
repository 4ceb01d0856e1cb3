/** The tokens that end an answer, as a model's files name them. */

import { isObject } from "./bytes.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * `eos_token_id` of `generation_config.json`, a number or a list; else of `config.json`, or of its text part. Values that
 * are no id are left out.
 */
export function stopIdsOf(generationConfig: Json | null, config: Json): readonly number[] {
  const text = isObject(config.text_config) ? config.text_config : {};
  const named = generationConfig?.eos_token_id ?? config.eos_token_id ?? text.eos_token_id ?? [];
  const ids = [named].flat().filter((id): id is number => Number.isSafeInteger(id) && Number(id) >= 0);
  return [...new Set(ids)];
}
