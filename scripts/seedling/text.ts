/** Seedling's training data: corpus, tokenizer and tokenized documents; equal recipes give equal data. */

import { createHash } from "node:crypto";
import type { TokenizedExample } from "../../src/batching/batch.ts";
import { defineModel } from "../../src/models/define.ts";
import { createTokenizer } from "../../src/tokenizer/tokenizer.ts";
import { trainTokenizer } from "./bpe.ts";
import { makeCorpus } from "./corpus.ts";
import type { PretrainRecipe } from "./recipe.ts";

export const endOfText = "<|endoftext|>";

export interface PretrainText {
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
  /** Text → id of every special token. */
  readonly special: ReadonlyMap<string, number>;
  readonly training: readonly TokenizedExample[];
  readonly heldOut: readonly TokenizedExample[];
  /** The held-out documents as text. */
  readonly heldOutTexts: readonly string[];
  /** Number of tokens in the training documents. */
  readonly tokens: number;
  /** SHA-256 over recipe and tokens: runs with equal fingerprints train on equal data. */
  readonly fingerprint: string;
}

/**
 * Writes the corpus, trains the tokenizer on its training part, and tokenizes both parts. A document is its tokens and
 * `<|endoftext|>`, without BOS; every token but the first is supervised. A document longer than the context becomes several
 * windows. `onProgress` gets the number of tokenized documents.
 */
export function prepareText(
  recipe: PretrainRecipe,
  onProgress: (done: number, total: number) => void = () => {},
): PretrainText {
  const { vocabulary: vocabularySize, contextLength } = defineModel(recipe.model);
  const corpus = makeCorpus(recipe.seed, recipe.documents);
  const files = trainTokenizer(corpus.training, { vocabularySize, special: recipe.special, contextLength });
  const tokenizer = createTokenizer(files.tokenizerJson, files.tokenizerConfig);
  const end = tokenizer.addedToken(endOfText);
  if (end === undefined) throw new Error(`The recipe's special tokens lack ${endOfText}, which ends a document.`);

  const hash = createHash("sha256").update(JSON.stringify(recipe));
  const total = corpus.training.length + corpus.heldOut.length;
  let done = 0;
  let tokens = 0;
  // All documents share one array, because their masks differ only in length.
  const mask = new Uint8Array(contextLength).fill(1, 1);
  const weights = new Float32Array(contextLength).fill(1);

  const tokenise = (documents: readonly string[]): TokenizedExample[] =>
    documents.flatMap((text, row) => {
      const { ids } = tokenizer.encode([
        { text, kind: "content", role: null, message: null, answer: false, supervised: true, weight: 1 },
      ]);
      const whole = new Int32Array(ids.length + 1);
      whole.set(ids);
      whole[ids.length] = end;
      hash.update(whole);
      tokens += whole.length;
      onProgress(++done, total);
      return windowsOf(whole, contextLength).map((window) => ({
        origin: { source: 0, name: "the corpus", row, line: row + 1 },
        ids: window,
        mask: mask.subarray(0, window.length),
        weights: weights.subarray(0, window.length),
      }));
    });

  const heldOut = tokenise(corpus.heldOut);
  tokens = 0;
  const training = tokenise(corpus.training);
  const parts = { training, heldOut, heldOutTexts: corpus.heldOut };
  return { ...files, special: tokenizer.addedTokens, ...parts, tokens, fingerprint: hash.digest("hex") };
}

/** Consecutive windows of at most `length` tokens. A last window of one token is left out, because it has no target. */
function windowsOf(ids: Int32Array, length: number): Int32Array[] {
  const starts = Array.from({ length: Math.ceil(ids.length / length) }, (_, i) => i * length);
  return starts.map((start) => ids.subarray(start, start + length)).filter((window) => window.length > 1);
}
