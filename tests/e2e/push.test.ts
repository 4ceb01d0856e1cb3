/**
 * "Push to Hugging Face" on the built page: an adapter is opened, exported, and pushed to the played hub, which Playwright's router
 * stands for. Oracle: the files in the downloaded archive, and the requests that left the browser. axe at two widths, light and dark.
 */

import { readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { unzipSync } from "fflate";
import type { Page, Route } from "playwright";
import { expect, inject, test } from "vitest";
import { enterStep, openModelFolder, openStudio } from "../../scripts/harness/studio.ts";
import { goldenFolder } from "../../scripts/oracle/adapters.ts";
import { createPushHub, goodToken, type PushHub } from "../support/pushHub.ts";
import { smallFamilies, smallFolder } from "../support/smallFamilies.ts";
import { byteLevelTokenizer, gpt2Words } from "../support/tokenizers.ts";
import { folderOf, freshTab, watch } from "./tab.ts";

const llama = {
  ...smallFolder(smallFamilies.Llama ?? {}),
  "tokenizer.json": JSON.stringify(byteLevelTokenizer({}, gpt2Words).json),
};

const cors = {
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Allow-Headers": "authorization, content-type, accept",
  "Access-Control-Allow-Methods": "GET, POST, PUT",
  "Access-Control-Expose-Headers": "ETag, X-Error-Code, X-Error-Message, Retry-After",
};

async function answer(hub: PushHub, route: Route) {
  const request = route.request();
  if (request.method() === "OPTIONS") return route.fulfill({ status: 204, headers: cors });
  const played = hub.answer({
    method: request.method(),
    url: new URL(request.url()),
    headers: await request.allHeaders(),
    body: request.postDataBuffer() ?? Buffer.alloc(0),
  });
  if (played === "break") return route.abort("connectionreset");
  return route.fulfill({ status: played.status, headers: { ...cors, ...played.headers }, body: played.body ?? "" });
}

const form = (page: Page) => page.getByRole("region", { name: "Push to Hugging Face" });

/** Opens the model and PEFT's adapter, exports it, and opens the form. */
async function exported(page: Page) {
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, await folderOf(llama));
  await enterStep(page, "Runs");
  const part = page.getByRole("region", { name: "Open an adapter or a tuned model" });
  await part
    .locator('input[aria-label="Folder of an adapter or tuned model"]')
    .setInputFiles(join(goldenFolder, "ranks"));
  await part.locator("button:enabled", { hasText: "Choose a folder" }).waitFor({ timeout: 60_000 });
  await enterStep(page, "Take away");
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "Export the adapter" }).click(),
  ]);
  await page.getByRole("button", { name: "Push to Hugging Face" }).click();
  return unzipSync(await readFile(await download.path()));
}

test("an adapter is pushed after it was made; a refusal and a break are said, and the token leaves no trace", {
  timeout: 300_000,
}, async () => {
  const page = await freshTab({ serviceWorkers: false });
  const { requests } = watch(page, inject("page"), [
    /^request to another origin: https:\/\/(?:huggingface\.co|storage\.example)\//,
    /status of (?:401|409)/,
    /ERR_CONNECTION_RESET/,
  ]);
  const hub = createPushHub({ partBytes: 2000 });
  await page.context().route(/^https:\/\/(?:huggingface\.co|storage\.example)\//, (route) => answer(hub, route));
  const files = await exported(page);
  const push = form(page).getByRole("button", { name: /^Push \d/ });
  expect(hub.requests).toEqual([]);
  expect(await form(page).textContent()).toMatch(/This sends 5 files \(.*\) from this machine to huggingface\.co/);

  const name = form(page).getByLabel("Repository");
  expect(await name.inputValue()).toBe("ranks");
  await name.fill("two--dashes");
  expect(await form(page).textContent()).toContain("A name cannot have --");
  await name.fill("ranks");
  expect(await push.isDisabled()).toBe(true);
  const token = form(page).getByLabel("Access token");
  expect(await token.getAttribute("type")).toBe("password");
  expect(await token.getAttribute("autocomplete")).toBe("off");

  await token.fill("hf_wrong");
  await push.click();
  await form(page).getByText("does not accept this token (401)").waitFor();

  await token.fill(goodToken);
  hub.instead = ({ method, url }) => (method === "POST" && url.pathname.includes("/commit/") ? "break" : null);
  await push.click();
  await form(page).getByText("broke while Hone sent the commit").waitFor();
  hub.instead = null;
  const before = hub.received;
  await push.click();
  const link = form(page).getByRole("link", { name: "Open it on Hugging Face" });
  await link.waitFor();
  expect(hub.received).toBe(before);
  expect(await link.getAttribute("href")).toBe("https://huggingface.co/maria/ranks");
  expect(await form(page).textContent()).toContain("Compared with the hub: the hash of 5 files equal.");

  const repository = hub.repositories.get("maria/ranks");
  expect(repository?.private).toBe(true);
  expect([...(repository?.files.keys() ?? [])].sort()).toEqual(Object.keys(files).sort());
  for (const [file, bytes] of Object.entries(files)) {
    expect(repository?.files.get(file)?.bytes.equals(bytes), file).toBe(true);
  }
  // More than one part was sent, by the browser's XMLHttpRequest.
  expect(hub.requests.filter(({ method }) => method === "PUT").length).toBeGreaterThan(1);
  // Nothing else left, and the token is in no address and nothing that the browser stores.
  expect(requests.some((url) => url.includes(goodToken))).toBe(false);
  expect(await token.inputValue()).toBe("");
  const state = await page.context().storageState({ indexedDB: true });
  expect(JSON.stringify(state)).not.toContain(goodToken);
  expect(
    await page.evaluate(() => JSON.stringify({ ...localStorage, ...sessionStorage }) + location.href),
  ).not.toContain(goodToken);
});

test("a push is cancelled, and the form has no fault that axe finds", { timeout: 300_000 }, async () => {
  const page = await freshTab({ serviceWorkers: false });
  watch(page, inject("page"), [/^request to another origin: https:\/\/huggingface\.co\//]);
  // The hub never answers.
  await page.context().route("https://huggingface.co/**", () => undefined);
  await exported(page);
  await form(page).getByLabel("Access token").fill(goodToken);
  await form(page).getByText("What is sent").click();
  await form(page).getByText("Read and edit the model card").click();
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  for (const width of [1280, 390]) {
    for (const colorScheme of ["light", "dark"] as const) {
      await page.setViewportSize({ width, height: 900 });
      await page.emulateMedia({ colorScheme });
      if (process.env.HONE_SHOTS) {
        const path = (what: string) => join(process.env.HONE_SHOTS ?? "", `${what}-${width}-${colorScheme}.png`);
        await form(page).scrollIntoViewIfNeeded();
        await form(page).screenshot({ path: path("push") });
        await page.screenshot({ path: path("take-away"), fullPage: true });
      }
      const faults = await page.evaluate(async (title) => {
        const { axe } = window as unknown as { axe: typeof import("axe-core") };
        const heading = [...document.querySelectorAll("h4")].find(({ textContent }) => textContent === title);
        const section = heading?.closest("section");
        if (!section) throw new Error("The form is not there.");
        return (await axe.run(section)).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
      }, "Push to Hugging Face");
      expect(faults, `${width} ${colorScheme}`).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
    }
  }
  await form(page)
    .getByRole("button", { name: /^Push \d/ })
    .click();
  await form(page).getByRole("button", { name: "Cancel" }).click();
  await form(page)
    .locator("button:enabled", { hasText: /^Push \d/ })
    .waitFor();
  expect(await form(page).getByRole("alert").count()).toBe(0);
});
