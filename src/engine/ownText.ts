/** Text that the base model writes by itself, for replay: its own general text where the user has none. */

import type { OwnTextRequest } from "../protocol/engine.ts";
import { answererOf, type Respondent } from "./respondent.ts";

/** Most texts of one request. */
export const mostOwnTexts = 2000;

/** Temperature 1 without limits: the model's own distribution, which its loss on these texts measures. */
const ownSampling = { temperature: 1, topK: null, topP: null };

/**
 * Writes texts from an empty beginning: the model's first token is BOS, or EOS without one. Text i has the seed `seed` + i, so a
 * longer request begins with the same texts. Empty texts are left out. Throws the signal's reason, and where the tokenizer has
 * neither token.
 */
export async function writeOwnTexts(
  respondent: Respondent,
  { texts, tokens, seed }: OwnTextRequest,
  onProgress: (done: number, total: number) => void,
  signal?: AbortSignal,
): Promise<string[]> {
  if (!(Number.isInteger(texts) && texts >= 1 && texts <= mostOwnTexts)) {
    throw new RangeError(`The model should write ${texts} texts, but can write 1 to ${mostOwnTexts}.`);
  }
  const { vocabulary, summary } = respondent.model;
  const { bos, eos } = vocabulary;
  const first = bos ?? eos;
  if (!first) {
    throw new Error(
      `${summary.name} has no token that begins a text (BOS) or ends one (EOS), so it cannot write by itself: choose a file.`,
    );
  }
  const { generateBatch, stopIds = [] } = answererOf(respondent);
  const ends = [...new Set([...(eos ? [eos.id] : []), ...stopIds])];
  let done = 0;
  onProgress(done, texts);
  const written = await generateBatch(
    Array.from({ length: texts }, (_, index) => ({
      prompt: [first.id],
      stopIds: ends,
      maxTokens: tokens,
      sampling: ownSampling,
      seed: seed + index,
    })),
    { ...(signal && { signal }), onAnswer: () => onProgress(++done, texts) },
  );
  signal?.throwIfAborted();
  return written.flatMap(({ ids }) => {
    const decoder = vocabulary.createStreamDecoder(first.id);
    // A character that the limit cut off is left out.
    const text = ids
      .map((id) => decoder.push(id))
      .join("")
      .trim();
    return text === "" ? [] : [text];
  });
}
