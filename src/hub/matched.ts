/** The tensors of the files that a model uses: their names mapped, quantised ones refused, and the head tied or not. */

import { cut, quote } from "../tensor/quote.ts";
import { listSome, ModelError, tensorName } from "./error.ts";
import { type Expect, type ExpectedTensor, expectedTensors, type ModelTensor, matchTensors } from "./expected.ts";
import { mapNames } from "./names.ts";
import { refuseChanged } from "./quantised.ts";
import type { TensorEntry } from "./safetensors.ts";
import { sameValues } from "./ties.ts";
import type { Weights } from "./weights.ts";

/**
 * How to find out whether a tied head has its own values: "all" compares every number, "beginning" only the first window of
 * each tensor, and "tied" does not compare, as Hone did until November 2026.
 */
export type HeadCheck = "all" | "beginning" | "tied";

export interface MatchOptions {
  readonly place: string;
  readonly modelName: string | null;
  readonly head: HeadCheck;
  readonly signal: AbortSignal | undefined;
}

export interface Matched {
  /** By the architecture's names, in its order. */
  readonly tensors: ReadonlyMap<string, ModelTensor>;
  /** Whether the head has its own weight although the config ties it. */
  readonly untied: boolean;
  /** Second copies of tensors, by the architecture's name: a tied head that is stored besides the embedding. */
  readonly copies: ReadonlyMap<string, ModelTensor>;
  /** Notes for the user, a sentence each. */
  readonly notes: readonly string[];
}

/** Throws a `ModelError` for tensors that are missing, ambiguous, quantised, or of another shape. */
export async function matchModel(
  config: Readonly<Record<string, unknown>>,
  { tensors: stored, lacking }: Pick<Weights, "tensors" | "lacking">,
  expected: Expect,
  { place, modelName, head: headCheck, signal }: MatchOptions,
): Promise<Matched> {
  const wanted = expectedTensors(config, expected);
  const embedding = wanted.find(({ role }) => role === "embedding");
  const own = wanted.find(({ role }) => role === "head");
  const variant = own || !embedding ? wanted : expectedTensors(config, expected, { untied: true });
  const head = own ?? variant.find(({ role }) => role === "head");
  const body = wanted.filter((tensor) => tensor !== own);

  const { byName, prefix } = mapNames(body, head?.name ?? null, stored);
  // A copy of an earlier version must open as it did, because its runs were trained on it.
  if (headCheck !== "tied") refuseChanged(byName.keys(), config, modelName);
  const inIndex = wanted.find(({ name }) => !byName.has(name) && lacking.has(name));
  if (inIndex && !(inIndex === embedding && head && byName.has(head.name))) throw lacks(inIndex.name, lacking);
  if (own) requireHead(own, body, byName, config);

  const names = { wanted, variant, byName, embedding, head: own ? undefined : head };
  const result = await matchHead(names, { place, modelName, head: headCheck, signal });
  const used = new Set([...result.tensors.values(), ...result.copies.values()].map(({ name }) => name));
  const unused = [...stored.keys()].filter((name) => !used.has(name));
  const doubles = [...result.tensors.values()].filter(({ dtype }) => dtype === "F64").length;
  const [first] = result.tensors.values();
  const prefixed = prefix !== null && first ? cut(first.name, 80) : null;
  const notes = [
    ...result.notes,
    ...(prefixed === null ? [] : [`The files name the tensors with another prefix, for example ${prefixed}.`]),
    ...(unused.length > 0 ? [`Tensors of the files that this architecture does not use: ${listSome(unused)}.`] : []),
    ...(doubles > 0 ? [`${doubles} tensors are stored as F64; Hone reads them as the nearest 32-bit numbers.`] : []),
  ];
  return { ...result, notes };
}

interface HeadNames {
  /** The tensors of the architecture, with a head only where the config does not tie it. */
  readonly wanted: readonly ExpectedTensor[];
  /** The same with a head of its own. */
  readonly variant: readonly ExpectedTensor[];
  readonly byName: ReadonlyMap<string, TensorEntry>;
  readonly embedding: ExpectedTensor | undefined;
  /** The head that the config ties. */
  readonly head: ExpectedTensor | undefined;
}

/** Matches all tensors, and decides about a tied head that is stored. */
async function matchHead(
  { wanted, variant, byName, embedding, head }: HeadNames,
  { place, head: check, signal }: MatchOptions,
): Promise<Matched> {
  const stored = head && byName.get(head.name);
  const one: Matched = { tensors: new Map(), untied: false, copies: new Map(), notes: [] };
  if (!head || !stored || !embedding) return { ...one, tensors: matchTensors(wanted, byName, place) };
  const file = cut(stored.name, 80);
  if (!byName.has(embedding.name)) {
    const aliased = new Map(byName).set(embedding.name, stored);
    aliased.delete(head.name);
    return {
      ...one,
      tensors: matchTensors(wanted, aliased, place),
      notes: [`The files have the tied embedding only as ${file}.`],
    };
  }
  const tensors = matchTensors(variant, byName, place);
  const [input, output] = [tensors.get(embedding.name), tensors.get(head.name)];
  const windows = check === "beginning" ? { windows: 1 } : {};
  const isTied = !input || !output || check === "tied" || (await sameValues(input, output, { signal, ...windows }));
  if (!isTied) {
    const note =
      `config.json ties the head to the embedding, but the files have another ${file}: the head is used as it is stored, ` +
      "as transformers does.";
    return { ...one, tensors, untied: true, notes: [note] };
  }
  const others = new Map(tensors);
  others.delete(head.name);
  return { ...one, tensors: others, copies: new Map(output && [[embedding.name, output]]) };
}

const lacks = (name: string, lacking: ReadonlyMap<string, string>) =>
  new ModelError(
    `The index places tensor ${tensorName(name)} in ${cut(lacking.get(name) ?? "")}, but no file has it; ` +
      "take index and weights from the same model.",
  );

/** Names the field, because a missing head has a second remedy: the config may be wrong. */
function requireHead(
  { name, shape }: ExpectedTensor,
  body: readonly ExpectedTensor[],
  byName: ReadonlyMap<string, TensorEntry>,
  config: Readonly<Record<string, unknown>>,
): void {
  if (byName.has(name) || !body.every((tensor) => byName.has(tensor.name))) return;
  const { tie_word_embeddings: value } = config;
  throw new ModelError(
    `config.json: tie_word_embeddings is ${value === undefined ? "missing, which means false" : quote(value)}, but the model has no tensor ` +
      `${tensorName(name)} of shape [${shape.join(", ")}]: add the file with it, or set the field to true if the model ties its head.`,
  );
}
