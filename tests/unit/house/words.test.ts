/** The page's English stands in src/ui/words: components have none of their own. Oracle: their text, searched for words. */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const ui = fileURLToPath(new URL("../../../src/ui", import.meta.url));
const components = readdirSync(ui, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".tsx"));

/** English in markup: an attribute that is read, text between tags, a line of text by itself. */
const patterns = [
  /\b(?:label|title|description|placeholder|aria-label|part)="[A-Za-z][^"]*"/g,
  />\s*[A-Z][a-z]+(?: [a-z]+)*[.,:?]?\s*<\//g,
  /^\s*[A-Z][a-z]+ [a-z][A-Za-z ,]*[.:?]?\s*$/gm,
];

/** Without comments, which are English and ought to be. */
const markupOf = (source: string) => source.replace(/\/\*[\s\S]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");
const englishIn = (source: string) => patterns.flatMap((pattern) => markupOf(source).match(pattern) ?? []);

test("the search finds English where there is some", () => {
  expect(englishIn('<Button label="Start">\n  Start the run.\n</Button>')).toHaveLength(3);
  expect(englishIn("<b>Runs</b>")).toHaveLength(1);
  expect(englishIn("// Start the run.\n<Button label={words.start}>{words.run}</Button>")).toEqual([]);
});

test("there are components", () => {
  expect(components.length).toBeGreaterThan(60);
});

test.each(components)("%s has no English of its own", (file) => {
  expect(englishIn(readFileSync(join(ui, file), "utf8"))).toEqual([]);
});
