/** The list of rows by loss, and examples as typed. Oracles: lists written out. */

import { expect, test } from "vitest";
import { readExamples } from "../../../src/ui/make/examples.ts";
import { listedRows, median, type RowFilter } from "../../../src/ui/rowLosses/view.ts";

const rows = [
  { source: 0, row: 0, line: 1, tokens: 2, base: 4, tuned: 1 },
  { source: 0, row: 1, line: 2, tokens: 1, base: 3, tuned: 2 },
  { source: 1, row: 0, line: 1, tokens: 4, base: 8, tuned: 8 },
];
const texts = [["A fox barks", "An OWL hoots"], ["An owl sleeps"]];
const every: RowFilter = { source: null, text: "", measure: "tuned", least: null, highestFirst: true };

test.each<[Partial<RowFilter>, number[]]>([
  [{}, [1, 2, 0]],
  [{ highestFirst: false }, [0, 1, 2]],
  [{ measure: "base" }, [1, 0, 2]],
  [{ measure: "drop" }, [0, 1, 2]],
  [{ text: " owl" }, [1, 2]],
  [{ source: 0 }, [1, 0]],
  [{ least: 2 }, [1, 2]],
  [{ measure: "drop", least: 0.5 }, [0, 1]],
])("%j lists rows %j", (filter, places) => {
  expect(listedRows(rows, texts, { ...every, ...filter })).toEqual(places.map((place) => rows[place]));
});

test("the median of three is the middle one", () => {
  expect(median([3, 1, 2])).toBe(2);
});

test("an example has a question and an answer below it", () => {
  expect(readExamples("What?\r\nThis.\nAnd that.\n\n\nAlone\n\n Who? \n Me. ")).toEqual([
    { instruction: "What?", output: "This.\nAnd that." },
    { instruction: "Who?", output: "Me." },
  ]);
});
