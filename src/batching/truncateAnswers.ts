/** Truncates the answers of a preference row: all with the same part of their prompt. */

import { select, type Tokens, type Truncated, type TruncateOptions, upTo } from "./truncate.ts";

/**
 * Cuts the prompt of one or two answers to `maxLength` tokens, in both by the same tokens. "drop" leaves out a row with an
 * answer that is too long. "right" keeps the beginning, so that an answer may lose its end. "left" keeps BOS and the whole
 * answers: it first cuts the tokens after an answer, then the oldest tokens of both prompts. An answer that does not fit
 * has a problem, and the row is then left out whole.
 */
export function truncateAnswers(encodings: readonly Tokens[], options: TruncateOptions): readonly Truncated[] {
  const { maxLength, mode, bosId } = options;
  const answers = encodings.map((encoding) => answerOf(encoding));
  const excess = (end: number) => Math.max(0, end - maxLength);
  // An answer's unsupervised end, such as a line break after its turn, is cut before the prompt.
  const fromLeft = mode === "left" ? Math.max(0, ...answers.map(({ end }) => excess(end))) : 0;
  return encodings.map((encoding, i): Truncated => {
    const { begin, supervised } = answers[i] ?? answerOf(encoding);
    const count = encoding.ids.length;
    const whole = select(encoding, upTo(count), supervised);
    if (supervised === 0) return { ...whole, problem: "no token of the answer is supervised" };
    if (mode === "drop" && count > maxLength) {
      return {
        ...whole,
        problem: `${count} tokens exceed the limit of ${maxLength}; raise the length or shorten the row`,
      };
    }
    const head = encoding.ids[0] === bosId ? 1 : 0;
    // One token must stay before the answer, because nothing predicts the first token.
    if (fromLeft > begin - 1) {
      const longest = Math.max(...answers.map(({ begin, end }) => end - begin));
      const problem = `its answers have up to ${longest} tokens, and the limit is ${maxLength}; raise the length`;
      return { ...whole, problem };
    }
    const length = Math.min(maxLength, count - fromLeft);
    const cut = select(
      encoding,
      upTo(length).map((at) => (at < head ? at : at + fromLeft)),
      supervised,
    );
    if (cut.supervised > 0) return cut;
    return {
      ...cut,
      problem: `the limit of ${maxLength} tokens cuts the whole answer; cut from the left, or raise the length`,
    };
  });
}

/** The first supervised token, the index after the last one, and their number. */
function answerOf({ mask }: Tokens): { readonly begin: number; readonly end: number; readonly supervised: number } {
  let supervised = 0;
  for (const one of mask) supervised += one;
  return { begin: mask.indexOf(1), end: mask.lastIndexOf(1) + 1, supervised };
}
