/** Finds preference rows that teach nothing, that oppose each other, and a bias of length. */

import type { Message, PreferenceExample } from "../records/example.ts";
import { carriedText } from "../records/formats/messages.ts";
import { ints, TextHash } from "./columns.ts";
import type { LengthBias } from "./findings.ts";
import type { AnswersReport } from "./report.ts";
import { type AnswerSide, answerSides, type TokenizedAnswer } from "./tokenizeAnswers.ts";

/** Share of the pairs from which a bias is reported. */
const biasedShare = 0.7;
/** With fewer pairs a share says little. */
const leastPairs = 10;

export interface Preferences {
  /** Adds a row; `index` is its example's. */
  add(index: number, example: PreferenceExample, answers: readonly TokenizedAnswer[]): void;
  find(): {
    /** Examples whose two answers have the same tokens. */
    readonly equal: readonly number[];
    /** Examples that prefer an answer which an earlier one rejects, or the reverse. */
    readonly opposite: readonly { readonly later: number; readonly earlier: number }[];
    /** null without a bias. */
    readonly lengthBias: LengthBias | null;
    /** null without a row. */
    readonly answers: AnswersReport | null;
  };
}

export function createPreferences(): Preferences {
  const equal: number[] = [];
  // One entry for each answer: a hash of prompt and answer, its side, and its example.
  const low = ints();
  const high = ints();
  const sides = ints();
  const examples = ints();
  const counts = { chosen: 0, rejected: 0 };
  const tokens = { chosen: 0, rejected: 0 };
  let pairs = 0;
  let longer = 0;
  let shorter = 0;
  let logRatio = 0;
  return {
    add(index, example, answers) {
      for (const { side, sequence } of answers) {
        counts[side]++;
        tokens[side] += sequence.supervised;
        const hash = hashOf(example.prompt, example[side]);
        low.push(hash.low);
        high.push(hash.high);
        sides.push(answerSides.indexOf(side));
        examples.push(index);
      }
      const [chosen, rejected] = answers;
      if (!chosen || !rejected) return;
      const [a, b] = [chosen.sequence, rejected.sequence];
      if (a.ids.length === b.ids.length && a.ids.every((id, i) => id === b.ids[i] && a.mask[i] === b.mask[i])) {
        equal.push(index);
      }
      pairs++;
      if (a.supervised > b.supervised) longer++;
      if (a.supervised < b.supervised) shorter++;
      logRatio += Math.log(a.supervised / b.supervised);
    },

    find() {
      const opposite: { later: number; earlier: number }[] = [];
      /** The first example with an answer on each side, by the answer's hash. */
      const first = new Map<string, (number | undefined)[]>();
      for (let i = 0; i < examples.length; i++) {
        const key = `${low.at(i)} ${high.at(i)}`;
        const seen = first.get(key) ?? [];
        first.set(key, seen);
        const [own, later] = [sides.at(i), examples.at(i)];
        const earlier = seen[1 - own];
        if (earlier !== undefined && earlier !== later && opposite.at(-1)?.later !== later) {
          opposite.push({ later, earlier });
        }
        seen[own] ??= later;
      }
      const most = Math.max(longer, shorter);
      const isBiased = pairs >= leastPairs && most > biasedShare * pairs;
      const lengthBias = { longer: longer >= shorter, share: most / pairs, pairs, ratio: Math.exp(logRatio / pairs) };
      const sideOf = (side: AnswerSide) => ({ count: counts[side], meanTokens: tokens[side] / counts[side] });
      return {
        equal,
        opposite,
        lengthBias: isBiased ? lengthBias : null,
        answers: examples.length === 0 ? null : { pairs, chosen: sideOf("chosen"), rejected: sideOf("rejected") },
      };
    },
  };
}

/** A hash of a prompt and an answer, without case and extra white space. */
function hashOf(prompt: readonly Message[], answer: readonly Message[]): TextHash {
  const hash = new TextHash();
  for (const part of [prompt, answer]) {
    hash.add(String(part.length));
    for (const message of part) hash.add(message.role).addNormalised(message.content).add(carriedText(message));
  }
  return hash;
}
