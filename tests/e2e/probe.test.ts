import { expect, inject, onTestFinished } from "vitest";
import { launchChromium } from "../../scripts/harness/chromium.ts";
import { serveBuilt } from "../../scripts/harness/serve.ts";
import { fillRecipe, openModelFolder, openPairs, openStudio, waitForRun } from "../../scripts/harness/studio.ts";
import { test } from "../support/shared.ts";
import { folderOf, watch } from "./tab.ts";
import { jsonLines, tinyModel, tinyRows } from "./tinyLlama.ts";
import { writeFile, mkdtemp, mkdir } from "node:fs/promises";

for (const kind of ["isolated", "plain", "blocked", "nodb"]) test(kind, async () => {
  const profile = await mkdtemp("/tmp/hone-prof-");
  if (kind === "blocked") {
    await mkdir(profile + "/Default", { recursive: true });
    await writeFile(profile + "/Default/Preferences", JSON.stringify({ profile: { default_content_setting_values: { cookies: 2 } } }));
  }
  const { page, dispose } = await launchChromium({ webgpu: false, profile });
  onTestFinished(dispose);
  const served = kind === "plain" ? await serveBuilt({ isolated: false }) : null;
  if (served) onTestFinished(served.dispose);
  const address = served?.address ?? inject("page");
  const w = watch(page, address);
  if (kind === "nodb") await page.route(/assets\/entry-/, async (route) => {
    const r = await route.fetch();
    await route.fulfill({ response: r, body: `Object.defineProperty(self,"indexedDB",{value:{open(){throw new DOMException("no","SecurityError")}}});` + await r.text() });
  });
  await page.setViewportSize({ width: 1280, height: 1000 });
  await page.goto(address);
  console.log(kind, await page.evaluate("[String(navigator.gpu), crossOriginIsolated]"));
  await openStudio(page, address, "auto").catch((e) => console.log(e));
  await page.screenshot({ path: `.cache/shots/${kind}-open.png`, fullPage: true });
  try {
  const model = await folderOf(tinyModel());
  const pairs = await folderOf({ "rows.jsonl": jsonLines(tinyRows()) });
  await openModelFolder(page, model);
  await openPairs(page, `${pairs}/rows.jsonl`);
  await fillRecipe(page, { steps: "2", maxLength: "128", samplePrompts: "1" });
  await page.screenshot({ path: `.cache/shots/${kind}-ready.png`, fullPage: true });
  await page.getByRole("button", { name: "Start training" }).click();
  await waitForRun(page, ["finished"]);
  } finally {
  await page.screenshot({ path: `.cache/shots/${kind}-done.png`, fullPage: true });
  console.log(w);
  }
});
