/** The answers of preference training as units: pairs and single answers, each with KTO's mismatched answer where it needs one. */

import { type RowOrigin, supervisedIn, type TokenizedExample } from "./batch.ts";
import { needsMismatched, type PreferenceLoss, takesUnpaired } from "./preference.ts";

/** The answers that are trained together: a pair, or a single one, and the mismatched answer last. */
export type Unit = readonly TokenizedExample[];

/** An answer before it has its number. */
export interface LooseAnswer {
  readonly example: TokenizedExample;
  readonly role: "chosen" | "rejected";
  /** Place of the other answer in the same list; −1 without one. */
  readonly partner: number;
}

/** The numbers that the next unit and the next answer get. */
export interface AnswerCount {
  units: number;
  answers: number;
}

/**
 * Pairs answers, numbers them from `count` on, which it raises, and adds mismatched answers: the prompt of each unit with the
 * first answer of the next unit, cut to `maxLength` tokens. `unusable` are single answers that the loss cannot use.
 */
export function unitsOf(
  answers: readonly LooseAnswer[],
  loss: PreferenceLoss,
  maxLength: number,
  count: AnswerCount,
): { readonly units: readonly Unit[]; readonly unusable: readonly RowOrigin[] } {
  const unusable: RowOrigin[] = [];
  const groups = answers.flatMap((answer, place): LooseAnswer[][] => {
    const partner = answers[answer.partner];
    if (partner) return place < answer.partner ? [inOrder(answer, partner)] : [];
    if (takesUnpaired(loss)) return [[answer]];
    unusable.push(answer.example.origin);
    return [];
  });
  const withMismatched = needsMismatched(loss) && groups.length > 1;
  const units = groups.map((group, index): Unit => {
    const unit = count.units++;
    const own = group.map(
      ({ example, role }): TokenizedExample => ({
        ...example,
        answer: { id: count.answers++, unit, role },
      }),
    );
    const [first] = group;
    const [next] = groups[(index + 1) % groups.length] ?? [];
    if (!withMismatched || !first || !next) return own;
    const mismatched = mismatch(first.example, next.example, maxLength);
    return [...own, { ...mismatched, answer: { id: count.answers++, unit, role: "mismatched" } }];
  });
  return { units, unusable };
}

const inOrder = (a: LooseAnswer, b: LooseAnswer) => (a.role === "chosen" ? [a, b] : [b, a]);

/** The prompt of one example, up to its first supervised token, with the answer of another. */
function mismatch(prompt: TokenizedExample, other: TokenizedExample, maxLength: number): TokenizedExample {
  const before = prompt.ids.subarray(0, prompt.mask.indexOf(1));
  const from = other.mask.indexOf(1);
  const room = Math.max(maxLength - before.length, 1);
  const to = Math.min(other.mask.lastIndexOf(1) + 1, from + room);
  const join = <T extends Int32Array | Uint8Array | Float32Array>(head: T, tail: T, into: T): T => {
    into.set(head);
    into.set(tail, head.length);
    return into;
  };
  const length = before.length + to - from;
  return {
    origin: prompt.origin,
    ids: join(before, other.ids.subarray(from, to), new Int32Array(length)),
    mask: join(new Uint8Array(before.length), other.mask.subarray(from, to), new Uint8Array(length)),
    weights: join(new Float32Array(before.length), other.weights.subarray(from, to), new Float32Array(length)),
  };
}

/** Length of a unit's longest answer in tokens, its prompt included. */
export const unitLength = (unit: Unit) => unit.reduce((most, { ids }) => Math.max(most, ids.length), 0);

/** Supervised tokens of a unit's own answers. */
export const unitSupervised = (unit: Unit) =>
  unit.reduce((sum, { mask, answer }) => sum + (answer?.role === "mismatched" ? 0 : supervisedIn(mask)), 0);
