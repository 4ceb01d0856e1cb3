/** Losses beside their tokens. Oracle: the order in which supervised positions are listed. */

import { expect, test } from "vitest";
import { heatTokens } from "../../../src/ui/train/heat.ts";

const tokens = [
  { text: "q", weight: 0 },
  { text: "a", weight: 1 },
  { text: "x", weight: 0 },
  { text: "b", weight: 2 },
];

test("each learnt token gets its own, in order; context gets none", () => {
  expect(heatTokens(tokens, [4, 5], [1, 6]).map(({ losses }) => losses)).toEqual([
    null,
    { before: 4, now: 1 },
    null,
    { before: 5, now: 6 },
  ]);
});

test("what was not measured is not made up", () => {
  expect(heatTokens(tokens, [4], [1, 6]).map(({ losses }) => losses)).toEqual([
    null,
    { before: 4, now: 1 },
    null,
    null,
  ]);
});
