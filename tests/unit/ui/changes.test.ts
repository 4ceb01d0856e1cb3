/** Words that are new in an answer. Oracle: by eye, and that the words are those of the answer. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { changes } from "../../../src/ui/train/changes.ts";

const fresh = (before: string, now: string) =>
  changes(before, now).words.flatMap(({ text, isNew }) => (isNew ? [text.trim()] : []));

test.each([
  ["Red, blue", "Red, blue", [], 0],
  ["Red, blue", "Red, green blue", ["green"], 0],
  ["a b c", "a c", [], 1],
  ["a b", "c d", ["c", "d"], 2],
  ["", "It is 3.", ["It", "is", "3."], 0],
  ["a a b", "a b a", ["a"], 1],
])("from %j to %j", (before, now, words, gone) => {
  expect(fresh(before, now)).toEqual(words);
  expect(changes(before, now).gone).toBe(gone);
});

test("the words are the answer, and what is kept of both is equally long", () => {
  const text = fc.array(fc.constantFrom("a", "b", "c", " ", "\n")).map((pieces) => pieces.join(""));
  fc.assert(
    fc.property(text, text, (before, now) => {
      const { words, fresh, gone } = changes(before, now);
      expect(words.map((word) => word.text).join("")).toBe(now.trimEnd());
      const count = before.split(/\s+/).filter(Boolean).length;
      expect(count - gone).toBe(words.length - fresh);
    }),
  );
});
