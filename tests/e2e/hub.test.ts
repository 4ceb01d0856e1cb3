/**
 * A model from Hugging Face on the built page and the real engine; Playwright's router answers for the hub. The model
 * is looked up, the fetch is interrupted by a closed tab, resumed, and stored. Oracles: the router's bytes, and the
 * page's text.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import type { BrowserContext, Page, Route } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { enterStep, openStudio } from "../../scripts/harness/studio.ts";
import { ggufFamily, ggufFileIn } from "../support/ggufFamilies.ts";
import { answerAsHub, type HubModels, partOf, sha } from "../support/hub.ts";
import { sizedModel } from "../support/tinyLlama.ts";
import { oneProfile, watch } from "./tab.ts";

const model = sizedModel({ hidden_size: 256, intermediate_size: 2048, num_hidden_layers: 2 });
const files: Readonly<Record<string, Buffer>> = Object.fromEntries(
  Object.entries(model).map(([name, content]) => [name, Buffer.from(content)]),
);
const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
const megabytes = `${(total / 1e6).toFixed(1)} MB`;

/** Answers for the hub; `sent` counts bytes of files, and after `cut` of them the router sends nothing more. */
async function playHub(context: BrowserContext, others: HubModels = {}) {
  const hub = { sent: 0, cut: Number.POSITIVE_INFINITY, requested: [] as string[] };
  const headers = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Expose-Headers": "X-Error-Code, Content-Range, ETag",
  };
  const models: HubModels = { "owner/name": { files }, "owner/gated": { files: {}, gated: "manual" }, ...others };
  await context.route("https://huggingface.co/**", async (route: Route) => {
    const request = route.request();
    const path = new URL(request.url()).pathname;
    if (request.method() === "OPTIONS") return route.fulfill({ status: 204, headers });
    hub.requested.push(path);
    const answer = answerAsHub(models, path);
    if (answer.kind === "json")
      return route.fulfill({ headers, contentType: "application/json", body: JSON.stringify(answer.body) });
    if (answer.kind === "refused")
      return route.fulfill({ status: answer.status, headers: { ...headers, "X-Error-Code": answer.code }, body: "no" });
    // A connection that hangs: the answer never comes.
    if (hub.sent > hub.cut) return;
    const range = (await request.headerValue("range")) ?? null;
    const { start, end } = partOf(range, answer.bytes.length);
    hub.sent += end - start;
    return route.fulfill({
      status: range ? 206 : 200,
      headers: { ...headers, ...(range && { "Content-Range": `bytes ${start}-${end - 1}/${answer.bytes.length}` }) },
      contentType: "application/octet-stream",
      body: Buffer.from(answer.bytes.subarray(start, end)),
    });
  });
  return hub;
}

const profile = oneProfile();

const named = [/^request to another origin: https:\/\/huggingface\.co\//, /status of 401/];

async function openTab(): Promise<Page> {
  const page = await profile().newPage();
  onTestFinished(() => page.close());
  watch(page, inject("page"), named);
  await openStudio(page, inject("page"), "wasm");
  await enterStep(page, "Model");
  return page;
}

async function lookup(page: Page, text: string) {
  await page.getByLabel("Hugging Face id or address").fill(text);
  await page.getByRole("button", { name: "Look it up", exact: true }).first().click();
}

test("size first; then a fetch that a closed tab interrupts resumes where it stopped, and is stored", async () => {
  const hub = await playHub(profile());
  const first = await openTab();
  expect(hub.requested).toEqual([]);
  await lookup(first, "owner/name");
  const fetch = first.getByRole("button", { name: `Fetch ${megabytes}` });
  await fetch.waitFor();
  // Only the configuration was read.
  expect(hub.requested).toEqual([`/api/models/owner/name/revision/main`, `/owner/name/resolve/${sha}/config.json`]);
  hub.cut = 5e6;
  await fetch.click();
  await first.getByText(`of ${megabytes}`).first().waitFor();
  await expect.poll(() => hub.sent, { timeout: 60_000 }).toBeGreaterThan(hub.cut);
  // The received chunks are written.
  await first.waitForTimeout(1000);
  await first.close();

  const second = await openTab();
  const saved = second.getByRole("region", { name: "Saved in this browser" });
  await saved.getByText(`of ${megabytes} fetched`).waitFor();
  const here = (await saved.getByText(/of .+ fetched/).textContent()) ?? "";
  const had = Number(/^([\d.]+) MB/.exec(here)?.[1]) * 1e6;
  expect(had).toBeGreaterThan(4e6);
  hub.cut = Number.POSITIVE_INFINITY;
  hub.sent = 0;
  hub.requested.length = 0;
  await saved.getByRole("button", { name: "Resume owner/name" }).click();
  await expect
    .poll(() => second.getByLabel("Train this model").locator("option:checked").textContent(), { timeout: 60_000 })
    .toBe("owner/name");
  // The page rounds to a tenth of a megabyte.
  expect(Math.abs(hub.sent - (total - had))).toBeLessThan(1e5);
  expect(hub.requested.some((path) => path.startsWith("/api/"))).toBe(false);

  // After a reload it is stored, and a new look-up recognizes it.
  hub.requested.length = 0;
  await second.reload();
  await second.locator('[data-settled="true"]').waitFor();
  expect(await second.getByLabel("Train this model").locator("option:checked").textContent()).toBe("owner/name");
  expect(hub.requested).toEqual([]);
  await lookup(second, "https://huggingface.co/owner/name");
  await second.getByText("This model is already saved in this browser.").waitFor();
});

test("gated and missing models are explained, and no file of them is fetched", async () => {
  const hub = await playHub(profile());
  const page = await openTab();
  await lookup(page, "owner/gated");
  const alert = page.getByRole("region", { name: "From Hugging Face" }).getByRole("alert");
  await alert.filter({ hasText: "is gated: its owners" }).waitFor();
  await lookup(page, "owner/none");
  await alert.filter({ hasText: 'no public model "owner/none" (401)' }).waitFor();
  expect(hub.sent).toBe(0);
});

test("a GGUF file is chosen among several, fetched alone, and another one opens from disk", async () => {
  const family = ggufFamily("llama 3.2");
  const bytes = { Q8_0: await ggufFileIn(family, "Q8_0"), Q4_0: await ggufFileIn(family, "Q4_0") };
  const small = { "small-Q8_0.gguf": bytes.Q8_0, "small-Q4_0.gguf": bytes.Q4_0 };
  const hub = await playHub(profile(), { "owner/small-GGUF": { files: small } });
  const page = await openTab();
  await lookup(page, "owner/small-GGUF");
  const found = page.getByTestId("inspection");
  const choice = found.getByLabel("GGUF file, one of 2");
  expect(await choice.inputValue()).toBe("small-Q8_0.gguf");
  await choice.selectOption("small-Q4_0.gguf");
  await expect.poll(() => found.getByLabel("GGUF file, one of 2").inputValue()).toBe("small-Q4_0.gguf");
  // Evaluated by the debugger: the page's policy allows no such script.
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  const violations = await page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof import("axe-core") };
    return (await axe.run("[data-testid=inspection]")).violations.map(({ id, nodes }) => `${id}: ${nodes[0]?.html}`);
  });
  expect(violations).toEqual([]);
  await found.getByRole("button", { name: /^Fetch/ }).click();
  const selected = page.getByLabel("Train this model").locator("option:checked");
  await expect.poll(() => selected.textContent(), { timeout: 60_000 }).toBe("owner/small-GGUF");
  await page.getByText(/Tensors of the file: \d+ in Q4_0/).waitFor();
  expect(hub.requested.filter((path) => path.includes("Q8_0.gguf")).length).toBe(1);

  const file = { name: "from disk.gguf", mimeType: "application/octet-stream", buffer: Buffer.from(bytes.Q8_0) };
  await page.getByLabel("Model files").setInputFiles([file]);
  await expect.poll(() => selected.textContent(), { timeout: 60_000 }).toBe("from disk");
  await page.getByText(/Tensors of the file: \d+ in Q8_0/).waitFor();
});
