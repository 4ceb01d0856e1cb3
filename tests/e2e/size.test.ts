/**
 * The first visit: the page opens completely, isolated and without an error; it is small, and large files come after
 * it.
 */

import { expect, inject, test } from "vitest";
import { gzipOf, measureFirstLoad, pageBudget } from "../../scripts/harness/firstLoad.ts";
import { freshTab, watch } from "./tab.ts";

test("the page opens without an error and below its budget, and the runtime and Seedling come after it", async () => {
  const page = await freshTab();
  watch(page, inject("page"));
  const loaded = await measureFirstLoad(page, inject("page"));
  const of = (part: string) => loaded.filter((file) => file.part === part);

  await page.getByRole("heading").first().waitFor();
  expect(await page.title()).toMatch(/^Hone/);
  expect(await page.evaluate("crossOriginIsolated")).toBe(true);
  expect(gzipOf(loaded, "page")).toBeLessThanOrEqual(pageBudget);
  // Every part was measured; otherwise the sums above and the order below would be empty.
  expect(of("page").map(({ path }) => path)).toEqual(
    expect.arrayContaining(["index.html", expect.stringMatching(/\.js$/), expect.stringMatching(/\.css$/)]),
  );
  // The entries of engine and datasets.
  expect(of("workers").filter(({ path }) => /^assets\/entry-/.test(path))).toHaveLength(2);
  expect(of("runtime").length).toBeGreaterThan(0);
  expect(of("model and data").map(({ path }) => path)).toContain("models/seedling/model.safetensors");
  expect([...of("runtime"), ...of("model and data")].filter(({ before }) => before)).toEqual([]);
});
