/** Units of answers. Oracle: pairs and single answers listed by hand. */

import { describe, expect, test } from "vitest";
import { type LooseAnswer, type Unit, unitLength, unitSupervised, unitsOf } from "../../../src/batching/answers.ts";
import { preferenceLosses } from "../../../src/batching/preference.ts";
import { originOf } from "../../support/examples.ts";

/** An answer of row `row`: its prompt is [row + 1, …] and its answer [100 · (row + 1), …]. */
const answer = (
  row: number,
  role: "chosen" | "rejected",
  partner: number,
  { prompt = 2, tokens = 3, weight = 1 } = {},
): LooseAnswer => {
  const length = prompt + tokens;
  return {
    role,
    partner,
    example: {
      origin: originOf(row),
      ids: Int32Array.from({ length }, (_, i) => (i < prompt ? row + 1 : 100 * (row + 1) + i)),
      mask: new Uint8Array(length).fill(1, prompt),
      weights: new Float32Array(length).fill(weight),
    },
  };
};
const count = () => ({ units: 0, answers: 0 });
const unlimited = Number.POSITIVE_INFINITY;
const shown = (units: readonly Unit[]) =>
  units.map((unit) => unit.map(({ origin, answer: own }) => [origin.row, own?.role, own?.unit, own?.id]));

describe("unitsOf", () => {
  test("pairs answers in either order and numbers them; the chosen one comes first", () => {
    const answers = [
      answer(0, "chosen", 3),
      answer(1, "rejected", 2),
      answer(1, "chosen", 1),
      answer(0, "rejected", 0),
    ];
    const { units, unusable } = unitsOf(answers, "dpo", unlimited, count());
    expect(shown(units)).toEqual([
      [
        [0, "chosen", 0, 0],
        [0, "rejected", 0, 1],
      ],
      [
        [1, "chosen", 1, 2],
        [1, "rejected", 1, 3],
      ],
    ]);
    expect(unusable).toEqual([]);
  });

  test.each(preferenceLosses.filter((loss) => loss !== "kto"))(
    "%s leaves single answers out, and names them",
    (loss) => {
      const { units, unusable } = unitsOf(
        [answer(4, "chosen", -1), answer(5, "chosen", 2), answer(5, "rejected", 1), answer(6, "rejected", -1)],
        loss,
        unlimited,
        count(),
      );
      expect(shown(units)).toEqual([
        [
          [5, "chosen", 0, 0],
          [5, "rejected", 0, 1],
        ],
      ]);
      expect(unusable.map(({ row }) => row)).toEqual([4, 6]);
    },
  );

  test("KTO takes single answers, and gives each unit the first answer of the next one to its own prompt", () => {
    const { units, unusable } = unitsOf(
      [answer(0, "rejected", -1), answer(1, "chosen", 2), answer(1, "rejected", 1), answer(2, "chosen", -1)],
      "kto",
      unlimited,
      count(),
    );
    expect(unusable).toEqual([]);
    expect(shown(units)).toEqual([
      [
        [0, "rejected", 0, 0],
        [0, "mismatched", 0, 1],
      ],
      [
        [1, "chosen", 1, 2],
        [1, "rejected", 1, 3],
        [1, "mismatched", 1, 4],
      ],
      [
        [2, "chosen", 2, 5],
        [2, "mismatched", 2, 6],
      ],
    ]);
    const [first, , last] = units;
    expect([...(first?.at(-1)?.ids ?? [])]).toEqual([1, 1, 202, 203, 204]);
    expect([...(first?.at(-1)?.mask ?? [])]).toEqual([0, 0, 1, 1, 1]);
    expect([...(last?.at(-1)?.ids ?? [])]).toEqual([3, 3, 102, 103, 104]);
  });

  test("a mismatched answer is cut to the length limit, to one token at least, and keeps its unit's other lengths", () => {
    const answers = [answer(0, "chosen", -1, { prompt: 6 }), answer(1, "chosen", -1, { tokens: 9 })];
    const mismatched = (limit: number) =>
      unitsOf(answers, "kto", limit, count()).units.map((unit) => [...(unit[1]?.ids ?? [])].length);
    expect(mismatched(unlimited)).toEqual([15, 5]);
    expect(mismatched(11)).toEqual([11, 5]);
    expect(mismatched(5)).toEqual([7, 5]);
  });

  test("one unit alone has no mismatched answer, and none are of no units", () => {
    expect(shown(unitsOf([answer(0, "chosen", -1)], "kto", unlimited, count()).units)).toEqual([[[0, "chosen", 0, 0]]]);
    expect(unitsOf([], "kto", unlimited, count())).toEqual({ units: [], unusable: [] });
  });

  test("numbers go on over several calls, as training and held-out answers of a stage do", () => {
    const numbers = count();
    const pair = [answer(0, "chosen", 1), answer(0, "rejected", 0)];
    unitsOf(pair, "dpo", unlimited, numbers);
    const [unit] = unitsOf(pair, "dpo", unlimited, numbers).units;
    expect(numbers).toEqual({ units: 2, answers: 4 });
    expect(unit?.map((own) => own.answer?.id)).toEqual([2, 3]);
  });
});

test("lengths of units: the longest answer, and the supervised tokens of its own answers", () => {
  const [unit = []] = unitsOf(
    [answer(0, "chosen", 1, { tokens: 4 }), answer(0, "rejected", 0, { tokens: 7 }), answer(1, "chosen", -1)],
    "kto",
    unlimited,
    count(),
  ).units;
  expect(unit).toHaveLength(3);
  expect(unitLength(unit)).toBe(9);
  expect(unitSupervised(unit)).toBe(11);
});
