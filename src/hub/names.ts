/**
 * The names of a folder's tensors. Tools write the same model with other prefixes: with or without the base model's,
 * inside a wrapper, or as a part of a multimodal model. One prefix must fit all tensors of the architecture.
 */

import { cut, quote } from "../tensor/quote.ts";
import { ModelError, tensorName } from "./error.ts";
import type { ExpectedTensor } from "./expected.ts";
import type { TensorEntry } from "./safetensors.ts";

/** Parts of a name that torch.compile, FSDP and checkpointing insert anywhere. */
const wrappers: ReadonlySet<string> = new Set([
  "_orig_mod",
  "_fsdp_wrapped_module",
  "_checkpoint_wrapped_module",
  "_forward_module",
]);

/** Parts of a prefix: base models', wrappers', and the text part of multimodal models. */
const prefixParts: ReadonlySet<string> = new Set([
  "model",
  "transformer",
  "gpt_neox",
  "base_model",
  "module",
  "language_model",
  "text_model",
]);

/** Parts of the longest prefix; published files have up to four. */
const mostParts = 8;

/** transformers 5 writes the head of every family as `lm_head.weight`; GPT-NeoX had `embed_out.weight`. */
const otherHeads = ["lm_head.weight", "embed_out.weight"];

export interface MappedNames {
  /** The tensors of the files by the architecture's names; others of the text part by names that it does not use. */
  readonly byName: ReadonlyMap<string, TensorEntry>;
  /** How the files write the architecture's prefix; null when they write the same. */
  readonly prefix: string | null;
}

/**
 * Maps the files' names to the architecture's. `body` has every tensor but the head; `head` is its name if the
 * architecture has one. Throws a `ModelError` where two prefixes fit equally well.
 */
export function mapNames(
  body: readonly ExpectedTensor[],
  head: string | null,
  stored: ReadonlyMap<string, TensorEntry>,
): MappedNames {
  const plain = withoutWrappers(stored);
  const base = sharedPart(body);
  const short = new Set(body.map(({ name }) => name.slice(base.length)));
  const counts = countPrefixes(plain.keys(), short);
  const prefix = choosePrefix(body, base, head, plain, counts);
  const byName = new Map<string, TensorEntry>();
  const headEntry = head === null ? undefined : findHead(head, prefix, base, plain);
  for (const [name, entry] of plain) {
    if (entry !== headEntry && name.startsWith(prefix)) byName.set(base + name.slice(prefix.length), entry);
  }
  if (head !== null && headEntry) byName.set(head, headEntry);
  return { byName, prefix: prefix === base ? null : prefix };
}

/** The tensors by their names without wrappers; a name that has none comes before others that become equal to it. */
function withoutWrappers(stored: ReadonlyMap<string, TensorEntry>): ReadonlyMap<string, TensorEntry> {
  const plain = new Map<string, TensorEntry>();
  for (const [name, entry] of stored) {
    const parts = name.split(".");
    const short = parts.some((part) => wrappers.has(part))
      ? parts.filter((part) => !wrappers.has(part)).join(".")
      : name;
    const twin = plain.get(short);
    if (twin === undefined || name === short) plain.set(short, entry);
    else if (twin.name !== short) throw ambiguous(twin.name, name);
  }
  return plain;
}

const ambiguous = (one: string, other: string) =>
  new ModelError(
    `The files have ${tensorName(one)} and ${tensorName(other)}, and both could be the same tensor of the model: leave the tensors ` +
      "of one model only.",
  );

/** The first part of all names with its dot, such as `model.`; "" when they differ. */
function sharedPart(body: readonly ExpectedTensor[]): string {
  const first = body[0]?.name ?? "";
  const part = first.slice(0, first.indexOf(".") + 1);
  return body.length > 1 && body.every(({ name }) => name.startsWith(part)) ? part : "";
}

/** How many of the short names follow each prefix. */
function countPrefixes(names: Iterable<string>, short: ReadonlySet<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) {
    let at = 0;
    for (let parts = 0; parts <= mostParts; parts++) {
      if (short.has(name.slice(at))) counts.set(name.slice(0, at), (counts.get(name.slice(0, at)) ?? 0) + 1);
      const end = name.indexOf(".", at);
      if (end < 0 || !prefixParts.has(name.slice(at, end))) break;
      at = end + 1;
    }
  }
  return counts;
}

function choosePrefix(
  body: readonly ExpectedTensor[],
  base: string,
  head: string | null,
  plain: ReadonlyMap<string, TensorEntry>,
  counts: ReadonlyMap<string, number>,
): string {
  const isWhole = (prefix: string) =>
    body.every(
      ({ name, role }) =>
        plain.has(prefix + name.slice(base.length)) ||
        (role === "embedding" && head !== null && findHead(head, prefix, base, plain) !== undefined),
    );
  const likely = [...counts].filter(([, count]) => count >= body.length - 1).map(([prefix]) => prefix);
  // transformers reads these names and ignores all others.
  if (likely.includes(base) && isWhole(base)) return base;
  const [only, other] = likely.filter(isWhole);
  if (only !== undefined && other !== undefined) {
    throw new ModelError(
      `The files have the model's tensors twice, with the prefixes ${quote(cut(only))} and ${quote(cut(other))}: leave the tensors of one ` +
        "model only.",
    );
  }
  if (only !== undefined) return only;
  let best = base;
  for (const [prefix, count] of counts) if (count > (counts.get(best) ?? 0)) best = prefix;
  return best;
}

/** The head beside the body, or in one of the models around it. */
function findHead(
  head: string,
  prefix: string,
  base: string,
  plain: ReadonlyMap<string, TensorEntry>,
): TensorEntry | undefined {
  const places = [prefix.endsWith(base) ? prefix.slice(0, prefix.length - base.length) : prefix, prefix];
  for (let at = prefix.length; at > 0; ) {
    at = prefix.lastIndexOf(".", at - 2) + 1;
    places.push(prefix.slice(0, at));
  }
  for (const name of new Set([head, ...otherHeads])) {
    for (const place of places) {
      const entry = plain.get(place + name);
      if (entry) return entry;
    }
  }
  return undefined;
}
