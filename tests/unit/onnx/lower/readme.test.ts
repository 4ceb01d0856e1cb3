/** README's table of operators. Oracle: the tables in the code. */

import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { atenOperators } from "../../../../src/onnx/lower/aten.ts";
import { foldedOnly } from "../../../../src/onnx/lower/fold.ts";
import { lowerings, refused } from "../../../../src/onnx/lower/table.ts";

const readme = readFileSync(new URL("../../../../README.md", import.meta.url), "utf8");
const [, section = ""] = readme.split("### ONNX Runtime's training artifacts");
const [text = ""] = section.split("\n### ");
const namesIn = (part: string) => [...part.matchAll(/`(\w+)`/g)].map(([, name]) => name ?? "");
const rows = text.split("\n").filter((line) => line.startsWith("| ") && !line.startsWith("| operators"));

test("lists every operator that is lowered, and no other", () => {
  const named = rows.flatMap(namesIn);
  expect(named.toSorted()).toEqual([...Object.keys(lowerings), ...foldedOnly].toSorted());
});

test("names what is refused, and the operators of PyTorch", () => {
  const named = namesIn(text.slice(text.indexOf("Of `ATen`")));
  const expected = [...Object.keys(refused), ...atenOperators];
  expect(expected.filter((name) => !named.includes(name))).toEqual([]);
});
