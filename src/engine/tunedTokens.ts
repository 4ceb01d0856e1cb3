/** The tokenizer beside weights of another tool: Hone reads and writes with the base model's. */

import { isObject } from "../hub/bytes.ts";
import { listSome } from "../hub/error.ts";

type Json = Readonly<Record<string, unknown>>;

/** The ids of a `tokenizer.json` by their token: of its vocabulary, in any of its forms, and of added tokens. */
function idsOf(json: Json): Map<string, number> {
  const ids = new Map<string, number>();
  const vocabulary = isObject(json.model) ? json.model.vocab : null;
  if (Array.isArray(vocabulary)) vocabulary.forEach((entry, id) => void ids.set(String(Object(entry)[0]), id));
  else if (isObject(vocabulary)) for (const [token, id] of Object.entries(vocabulary)) ids.set(token, Number(id));
  for (const added of Array.isArray(json.added_tokens) ? json.added_tokens : []) {
    const { content, id } = Object(added);
    if (typeof content === "string") ids.set(content, Number(id));
  }
  return ids;
}

/** A note on tokens that another tool's tokenizer has and the base model's lacks, or has under another id; null without them. */
export function tokensNote(own: Json, base: Json): string | null {
  const known = idsOf(base);
  const other = [...idsOf(own)].filter(([token, id]) => known.get(token) !== id).map(([token]) => token);
  if (other.length === 0) return null;
  return (
    `Its tokenizer has tokens that the base model's lacks, or under other ids (${listSome(other, 3)}). Hone uses the base ` +
    "model's tokenizer; if the weights were trained with the others, the answers are wrong."
  );
}
