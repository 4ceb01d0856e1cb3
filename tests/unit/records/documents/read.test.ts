/** Documents become passages in order, with page numbers. Oracle: documents that this test writes itself. */

import { afterEach, expect, test, vi } from "vitest";
import { passagesOf } from "../../../../src/records/documents/passages.ts";
import { readDocument } from "../../../../src/records/documents/read.ts";
import { bytesFromMemory } from "../../../../src/tensor/bytes.ts";
import { docxOf, type Pages, pdfOf } from "../../../support/documents.ts";

const pages: Pages = Array.from({ length: 10 }, (_, page) => [
  [`Page ${page + 1} speaks of gate (${page + 1}) and of the`, "long gar-", "den behind it. A & B < C."],
  [`The second paragraph of page ${page + 1}.`],
]);
const textOf = (page: number) =>
  `Page ${page} speaks of gate (${page}) and of the long garden behind it. A & B < C.\nThe second paragraph of page ${page}.`;

afterEach(() => vi.unstubAllGlobals());

async function passages(name: string, bytes: Uint8Array<ArrayBuffer>) {
  // No format may request anything.
  const requested: unknown[] = [];
  vi.stubGlobal("fetch", (...request: unknown[]) => {
    requested.push(request);
    throw new Error("nothing may be requested");
  });
  const blocks = await readDocument(bytesFromMemory(name, bytes));
  expect(requested).toEqual([]);
  return passagesOf(blocks);
}

test("a PDF of ten pages gives its passages in order, with page numbers", { timeout: 60_000 }, async () => {
  expect(await passages("ten.pdf", pdfOf(pages))).toEqual(
    pages.map((_, i) => ({ text: textOf(i + 1), page: i + 1, heading: null })),
  );
});

test("a Word document of ten pages gives the same, without deleted text", async () => {
  const found = await passages("ten.docx", docxOf(pages));
  expect(found.map(({ page }) => page)).toEqual(pages.map((_, i) => i + 1));
  expect(found.map(({ text }) => text.replace("gar- den", "garden"))).toEqual(pages.map((_, i) => textOf(i + 1)));
  expect(new Set(found.map(({ heading }) => heading))).toEqual(new Set(["The handbook"]));
});

const encoded = (text: string) => new Uint8Array(new TextEncoder().encode(text));

test("HTML gives its visible text, Markdown its headings", async () => {
  const html =
    "<!doctype html><title>No</title><style>p{}</style><h1>Bees &amp; wasps</h1><p>A <b>bee</b> is small.<br>It hums.<script>x()</script><ul><li>one<li>two</ul>";
  const text = "A bee is small.\nIt hums.\none\ntwo";
  expect(await passages("a.html", encoded(html))).toEqual([{ text, page: null, heading: "Bees & wasps" }]);
  expect(await passages("a.md", encoded("# Bees\nA bee\nis small.\n\nIt hums.\n## Wasps\nSting."))).toEqual([
    { text: "A bee\nis small.\nIt hums.", page: null, heading: "Bees" },
    { text: "Sting.", page: null, heading: "Wasps" },
  ]);
});

test("what is no document is refused by name", async () => {
  await expect(passages("a.bin", Uint8Array.of(1, 0, 2))).rejects.toThrow("a.bin is no text, PDF, HTML or Word");
  await expect(passages("a.pdf", encoded("%PDF-1.4 broken"))).rejects.toThrow("a.pdf cannot be read as a PDF");
  await expect(passages("none.pdf", pdfOf([[]]))).rejects.toThrow("none.pdf has no text");
});

test("a long paragraph is cut after sentences, and no passage is longer than the limit", () => {
  const sentence = "The river runs through the town. ";
  const found = passagesOf([{ text: sentence.repeat(20), page: null, heading: false }], 100);
  expect(found.every(({ text }) => text.length <= 100 && text.endsWith("town."))).toBe(true);
  expect(found.map(({ text }) => text).join(" ")).toBe(sentence.repeat(20).trim());
  const word = passagesOf([{ text: "x".repeat(250), page: null, heading: false }], 100);
  expect(word.map(({ text }) => text.length)).toEqual([100, 100, 50]);
});
