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
  /** A second copy of the embedding, stored as the head; null without one. */
  readonly headCopy: ModelTensor | null;
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
  refuseChanged(byName.keys(), config, modelName);
  const inIndex = wanted.find(({ name }) => !byName.has(name) && lacking.has(name));
  if (inIndex && !(inIndex === embedding && head && byName.has(head.name))) throw lacks(inIndex.name, lacking);
  if (own) requireHead(own, body, byName, config);

  const headEntry = head && !own ? byName.get(head.name) : undefined;
  const result = await matchHead();
  const used = new Set(
    [...result.tensors.values(), ...(result.headCopy ? [result.headCopy] : [])].map(({ name }) => name),
  );
  const unused = [...stored.keys()].filter((name) => !used.has(name));
  const notes = [...result.notes];
  if (prefix !== null) {
    const [first] = result.tensors.values();
    notes.push(`The files name the tensors with another prefix, for example ${cut(first?.name ?? prefix, 80)}.`);
  }
  if (unused.length > 0) notes.push(`Tensors of the files that this architecture does not use: ${listSome(unused)}.`);
  const doubles = [...result.tensors.values()].filter(({ dtype }) => dtype === "F64").length;
  if (doubles > 0) notes.push(`${doubles} tensors are stored as F64; Hone reads them as the nearest 32-bit numbers.`);
  return { ...result, notes };

  async function matchHead(): Promise<Matched> {
    const tied = (tensors: ReadonlyMap<string, ModelTensor>, copy: ModelTensor | null, note?: string): Matched => ({
      tensors,
      untied: false,
      headCopy: copy,
      notes: note === undefined ? [] : [note],
    });
    if (!head || !headEntry || !embedding || headCheck === "tied")
      return tied(matchTensors(wanted, byName, place), null);
    if (!byName.has(embedding.name)) {
      const aliased = new Map(byName).set(embedding.name, headEntry);
      aliased.delete(head.name);
      return tied(
        matchTensors(wanted, aliased, place),
        null,
        `The tied embedding is stored as ${cut(headEntry.name, 80)} alone.`,
      );
    }
    const tensors = matchTensors(variant, byName, place);
    const [input, output] = [tensors.get(embedding.name), tensors.get(head.name)];
    const windows = headCheck === "beginning" ? { windows: 1 } : {};
    if (input && output && (await sameValues(input, output, { signal, ...windows }))) {
      return tied(new Map([...tensors].filter(([name]) => name !== head.name)), output);
    }
    const note =
      `config.json ties the head to the embedding, but the files have another ${cut(headEntry.name, 80)}: ` +
      "the head is used as it is stored, as transformers does.";
    return { tensors, untied: true, headCopy: null, notes: [note] };
  }
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
    `config.json: tie_word_embeddings is ${value === undefined ? "missing, which means false" : quote(value)}, but the files have no tensor ` +
      `${tensorName(name)} of shape [${shape.join(", ")}]: add the file with it, or set the field to true if the model ties its head.`,
  );
}
