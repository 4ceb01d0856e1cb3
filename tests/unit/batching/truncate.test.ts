/** Truncation. Oracle: the definition of each mode, checked token by token. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Truncation } from "../../../src/batching/truncate.ts";
import { type Truncated, truncate, windows } from "../../../src/batching/truncate.ts";
import { cases } from "../../support/long.ts";

const bosId = 1;

/** Tokens 100, 101, … (or BOS first) of one character each, so that an id is a position in the text. */
function encode(weights: readonly number[], opensWithBos = false) {
  const ids = Int32Array.from(weights, (_, i) => (i === 0 && opensWithBos ? bosId : 100 + i));
  return {
    ids,
    mask: Uint8Array.from(weights, (weight, i) => (i > 0 && weight !== 0 ? 1 : 0)),
    weights: Float32Array.from(weights),
    text: Array.from(ids, (id) => String.fromCharCode(1000 + id)).join(""),
    starts: Int32Array.from(ids, (_, i) => i),
    ends: Int32Array.from(ids, (_, i) => i + 1),
    straddled: 0,
  };
}

const encodings = fc
  .tuple(fc.array(fc.constantFrom(0, 0, 0.5, 1, 1), { maxLength: 60 }), fc.boolean())
  .map(([weights, opens]) => encode(weights, opens));
const supervisedIn = (mask: Uint8Array) => mask.filter((one) => one === 1).length;

/** Properties of every cut: the remaining tokens have the encoding's order, indices and weights. */
function consistent(encoding: ReturnType<typeof encode>, cut: Truncated): void {
  const indices = [...cut.indices];
  expect(indices.every((index, i) => index > (indices[i - 1] ?? -1))).toBe(true);
  expect([...cut.ids]).toEqual(indices.map((index) => encoding.ids[index]));
  expect([...cut.mask]).toEqual(indices.map((index, i) => (i === 0 ? 0 : encoding.mask[index])));
  expect([...cut.weights]).toEqual(indices.map((index) => encoding.weights[index]));
  const pieces = indices.map((index) => encoding.text.slice(encoding.starts[index], encoding.ends[index]));
  expect(pieces.join("")).toBe(Array.from(cut.ids, (id) => String.fromCharCode(1000 + id)).join(""));
  expect(cut.supervised).toBe(supervisedIn(cut.mask));
}

describe("a chat", () => {
  const modes = fc.constantFrom<Truncation>("drop", "left", "right");

  test("is cut as its mode defines, and remaining and lost tokens add up", () => {
    fc.assert(
      fc.property(encodings, modes, fc.integer({ min: 1, max: 70 }), (encoding, mode, maxLength) => {
        const cut = truncate(encoding, { maxLength, mode, bosId });
        const count = encoding.ids.length;
        const supervised = supervisedIn(encoding.mask);
        consistent(encoding, cut);
        expect(cut.supervised + cut.supervisedLost).toBe(supervised);
        if (count <= maxLength || mode === "drop") {
          expect([...cut.ids]).toEqual([...encoding.ids]);
          expect(cut.problem === null).toBe(count <= maxLength && supervised > 0);
          return;
        }
        expect(cut.ids).toHaveLength(maxLength);
        expect(cut.problem === null).toBe(cut.supervised > 0);
        if (mode === "right") {
          expect([...cut.indices]).toEqual([...Array(maxLength).keys()]);
          return;
        }
        if (encoding.ids[0] === bosId) expect(cut.indices[0]).toBe(0);
        if (maxLength === 1) return;
        // The end of the last answer remains if the limit has room for a predicted token.
        const last = encoding.mask.lastIndexOf(1);
        if (supervised > 0) {
          expect(cut.indices.at(-1)).toBeGreaterThanOrEqual(last);
          expect(cut.supervised).toBeGreaterThan(0);
        }
        // The cut is one span: the oldest tokens after BOS, or unsupervised tokens at the end.
        const gone = [...Array(count).keys()].filter((index) => !cut.indices.includes(index));
        const older = gone.filter((index) => index < last);
        if (older.length > 0) {
          expect(older[0]).toBe(encoding.ids[0] === bosId ? 1 : 0);
          expect(older.at(-1)).toBe((older[0] ?? 0) + older.length - 1);
          expect(cut.indices.at(-1)).toBe(last);
        } else expect(cut.supervisedLost).toBe(0);
      }),
      { seed: 24, numRuns: cases(4000) },
    );
  });

  test.each<[string, Truncation, number, number[], number[], number, string | null]>([
    ["fits", "drop", 5, [0, 0, 1, 1, 0], [0, 1, 2, 3, 4], 0, null],
    ["is too long", "drop", 4, [0, 0, 1, 1, 0], [0, 1, 2, 3, 4], 0, "5 tokens exceed the limit of 4; raise the length"],
    ["loses its end", "right", 3, [0, 0, 1, 1, 0], [0, 1, 2], 1, null],
    ["loses its answer", "right", 2, [0, 0, 1, 1], [0, 1], 2, "cuts all 2 supervised ones; cut from the left"],
    ["loses its context", "left", 3, [0, 0, 0, 1, 1], [0, 3, 4], 0, null],
    ["first loses the tokens after the answer", "left", 4, [0, 0, 1, 1, 0, 0], [0, 1, 2, 3], 0, null],
    ["loses both", "left", 3, [0, 0, 0, 1, 1, 0, 0], [0, 3, 4], 0, null],
    ["loses its first answer", "left", 4, [0, 0, 1, 0, 1, 1, 1], [0, 4, 5, 6], 1, null],
    ["loses the beginning of its answer", "left", 3, [0, 0, 1, 1, 1, 1], [0, 4, 5], 2, null],
    ["has no answer", "right", 9, [0, 0, 0], [0, 1, 2], 0, "no supervised token: every response has weight 0"],
    ["has no answer and is cut", "left", 2, [0, 0, 0], [0, 1], 0, "no supervised token: every response has weight 0"],
    ["has room for BOS only", "left", 1, [0, 1, 1], [0], 2, "the limit of 1 tokens cuts all 2"],
  ])("that %s (%s, at most %i)", (_, mode, maxLength, weights, indices, lost, problem) => {
    const cut = truncate(encode(weights, true), { maxLength, mode, bosId });
    expect([...cut.indices]).toEqual(indices);
    expect(cut.supervisedLost).toBe(lost);
    if (problem === null) expect(cut.problem).toBeNull();
    else expect(cut.problem).toContain(problem);
  });

  test("without BOS the first remaining token, which nothing predicts, is masked and counted as lost", () => {
    for (const none of [bosId, null]) {
      const cut = truncate(encode([0, 0, 1, 1, 1]), { maxLength: 2, mode: "left", bosId: none });
      expect([...cut.indices]).toEqual([3, 4]);
      expect([...cut.mask]).toEqual([0, 1]);
      expect([cut.supervised, cut.supervisedLost]).toEqual([1, 2]);
    }
  });
});

describe("plain text", () => {
  test("in windows supervises every token but the first exactly once", () => {
    const texts = fc.tuple(fc.integer({ min: 2, max: 90 }), fc.boolean());
    fc.assert(
      fc.property(texts, fc.integer({ min: 2, max: 40 }), ([length, opens], maxLength) => {
        const encoding = encode(
          Array.from({ length }, () => 1),
          opens,
        );
        const cuts = windows(encoding, { maxLength, bosId });
        for (const [w, cut] of cuts.entries()) {
          consistent(encoding, cut);
          expect(cut.ids.length).toBeLessThanOrEqual(maxLength);
          expect([cut.supervisedLost, cut.problem]).toEqual([0, null]);
          if (opens) expect(cut.ids[0]).toBe(bosId);
          else if (w > 0) expect(cut.indices[0]).toBe(cuts[w - 1]?.indices.at(-1));
        }
        // The windows' targets are all tokens but the first, in order.
        const targets = cuts.flatMap(({ indices }) => [...indices.slice(1)]);
        expect(targets).toEqual(Array.from({ length: length - 1 }, (_, i) => i + 1));
        const sizes = cuts.map(({ ids }) => ids.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        expect(cuts).toHaveLength(length <= maxLength ? 1 : Math.ceil((length - 1) / (maxLength - 1)));
      }),
      { seed: 25, numRuns: cases(2000) },
    );
  });

  test("without a supervised token has a problem, and a limit without a target is refused", () => {
    expect(windows(encode([0], true), { maxLength: 8, bosId })).toMatchObject([
      { problem: "no supervised token: the text is empty or has weight 0" },
    ]);
    expect(() => windows(encode([0, 1, 1]), { maxLength: 1, bosId })).toThrow(/windows of 1 tokens/);
  });
});
