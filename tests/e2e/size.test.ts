/** The first visit's bytes: the page is small, and what is large comes once it can be used. */

import { expect, inject, onTestFinished, test } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { gzipOf, measureFirstLoad, pageBudget } from "../../scripts/harness/firstLoad.ts";

test("the page is below its budget, and the runtime and Seedling come after it", async () => {
  const { page, dispose } = await launchChromium({ webgpu: false });
  onTestFinished(dispose);
  const loaded = await measureFirstLoad(page, inject("page"));
  const of = (part: string) => loaded.filter((file) => file.part === part);

  expect(gzipOf(loaded, "page")).toBeLessThanOrEqual(pageBudget);
  // Each part was seen, or the sums above and the order below would be empty.
  expect(of("page").map(({ path }) => path)).toEqual(
    expect.arrayContaining(["index.html", expect.stringMatching(/\.js$/), expect.stringMatching(/\.css$/)]),
  );
  expect(of("workers").map(({ path }) => path)).toEqual(
    expect.arrayContaining([expect.stringMatching(/^assets\/entry-/), expect.stringMatching(/^assets\/dataEntry-/)]),
  );
  expect(of("runtime").length).toBeGreaterThan(0);
  expect(of("model and data").map(({ path }) => path)).toContain("models/seedling/model.safetensors");
  expect([...of("runtime"), ...of("model and data")].filter(({ before }) => before)).toEqual([]);
});
