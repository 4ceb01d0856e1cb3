/** Bad files on the built page: one clear sentence with file, place and remedy, and no earlier work is lost. */

import { join } from "node:path";
import type { Page } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import {
  downloadRecord,
  enterStep,
  fillRecipe,
  openData,
  openModelFolder,
  openStudio,
  startTraining,
  waitForRun,
} from "../../scripts/harness/studio.ts";
import { jsonLines, type ModelFiles, tinyConfig, tinyModel, tinyRows, tinyTensors } from "../support/tinyLlama.ts";
import { folderOf, freshTab, oneProfile, watch } from "./tab.ts";

/** The beginning of a PNG image, by its specification. */
const png = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13, 0x49, 0x48, 0x44, 0x52);

const weights = tinyModel()["model.safetensors"] as Uint8Array;

/** Eight bytes of header length, little-endian, before a few other bytes. */
function headerOf(length: bigint): Uint8Array {
  const file = new Uint8Array(64);
  new DataView(file.buffer).setBigUint64(0, length, true);
  return file;
}

function without(files: ModelFiles, name: string): ModelFiles {
  return Object.fromEntries(Object.entries(files).filter(([other]) => other !== name));
}

const withWrongShape = tinyModel(
  tinyTensors().map((tensor) =>
    tensor.name === "model.layers.0.mlp.up_proj.weight" ? { ...tensor, shape: [16, 32] } : tensor,
  ),
);

/** A model folder that cannot be opened, and the required words of its refusal: file, place, remedy. */
const badModels: readonly (readonly [what: string, files: ModelFiles, parts: readonly (string | RegExp)[]])[] = [
  [
    "a truncated safetensors file",
    { ...tinyModel(), "model.safetensors": weights.slice(0, weights.length - 1000) },
    [
      "model.safetensors is cut off",
      `${weights.length} bytes`,
      `${weights.length - 1000}`,
      "download or copy it again",
    ],
  ],
  [
    "a header of 2^60 bytes",
    { ...tinyModel(), "model.safetensors": headerOf(2n ** 60n) },
    ["model.safetensors", "header of 1152921504606846976 bytes", "limit of 100000000", "download or export it again"],
  ],
  [
    "a tensor with the wrong shape",
    withWrongShape,
    ["model.safetensors", '"model.layers.0.mlp.up_proj.weight"', /16.*32/, /32.*16/, "config.json", /same model/],
  ],
  [
    "a missing tokenizer",
    without(tinyModel(), "tokenizer.json"),
    [
      /The folder "[^"]+" has no tokenizer\.json|has no tokenizer\.json/,
      "turns text into tokens",
      "add it from the source of the model",
    ],
  ],
  [
    "an architecture that is not supported",
    {
      ...tinyModel(),
      "config.json": JSON.stringify({ ...tinyConfig, architectures: ["MambaForCausalLM"], model_type: "mamba" }),
    },
    ["config.json", "MambaForCausalLM has recurrent or convolutional layers", "Choose Granite"],
  ],
  [
    "a billion layers",
    { ...tinyModel(), "config.json": JSON.stringify({ ...tinyConfig, num_hidden_layers: 1e9 }) },
    ["config.json", "num_hidden_layers", "1000000000", "512"],
  ],
  [
    "weights of another kind",
    { ...tinyModel(), "model.safetensors": "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 31000\n" },
    ["model.safetensors is not a safetensors file", "Git LFS", "download the file itself"],
  ],
];

const rows = jsonLines(tinyRows()).trimEnd().split("\n");
/** A file without a readable row. */
const badData: readonly (readonly [
  what: string,
  name: string,
  content: Uint8Array | string,
  parts: readonly string[],
])[] = [
  ["an empty file", "empty.json", "", ["empty.json is empty", "Choose a JSON"]],
  ["a file of another kind", "picture.json", png, ["picture.json is not a file of rows", "PNG image", "Choose a JSON"]],
  ["a deep row", "deep.json", `[${'{"a":'.repeat(50_000)}1${"}".repeat(50_000)}]`, ["deep.json", "line 1", "256"]],
  ["only broken rows", "broken.jsonl", '{"instruction":\n{"output":\n', ["broken.jsonl", "line 1", "broken JSON"]],
];

/** A file in which all rows but one can be used. */
const partlyBad: readonly (readonly [what: string, content: string, line: number, reason: string])[] = [
  ["a broken 17th line", rows.with(16, '{"instruction":"Say 16.","output":').join("\n"), 17, "broken JSON"],
  ["a row without a response", rows.with(4, '{"instruction":"Say 4.","input":""}').join("\n"), 5, "no response"],
];

const profile = oneProfile();

const region = (page: Page, name: string) => page.getByRole("region", { name, exact: true });
const chosen = (page: Page, list: string) => page.getByLabel(list).locator("option:checked").textContent();
/** The cards of the runs, on their own screen. */
const runs = (page: Page) => region(page, "Runs").getByRole("article", { name: "Typed" });
/** The chosen training sources. */
async function sourcesOf(page: Page): Promise<string[]> {
  await enterStep(page, "Data");
  const boxes = await page.getByRole("checkbox", { name: /^Train on / }).all();
  const names = await Promise.all(boxes.map(async (box) => (await box.isChecked()) && box.getAttribute("aria-label")));
  return names.flatMap((name) => (name ? [name.replace("Train on ", "")] : []));
}

const recipe = { steps: "2", maxLength: "128", accumulation: "1", samplePrompts: "0", runName: "Typed" };

/** Opens a good model and good pairs with the typed settings, in a new tab. */
async function goodTab(model = tinyModel(), opened?: Page): Promise<{ page: Page; modelName: string }> {
  const page = opened ?? (await profile().newPage());
  onTestFinished(() => page.close());
  watch(page, inject("page"));
  const folder = await folderOf(model);
  await openStudio(page, inject("page"), "wasm");
  await openModelFolder(page, folder);
  await openData(page, join(await folderOf({ "good.jsonl": rows.join("\n") }), "good.jsonl"));
  await fillRecipe(page, recipe);
  return { page, modelName: folder.split("/").at(-1) ?? "" };
}

test("bad models and bad data are each refused in a sentence, and what was there before trains afterwards", async () => {
  const { page, modelName } = await goodTab();
  await startTraining(page);
  await waitForRun(page, ["finished"]);

  const nothingLost = async (what: string) => {
    await enterStep(page, "Model");
    expect(await chosen(page, "Train this model"), what).toBe(modelName);
    expect(await sourcesOf(page), what).toEqual(["good.jsonl"]);
    for (const [name, value] of Object.entries(recipe)) {
      expect(await page.locator(`[name="${name}"]`).inputValue(), `${what}: ${name}`).toBe(value);
    }
    await enterStep(page, "Runs");
    expect(await runs(page).first().textContent(), what).toContain("2 / 2");
    await enterStep(page, "Train");
    expect(await page.getByRole("button", { name: "Start training" }).isEnabled(), what).toBe(true);
  };
  const refused = async (what: string, attempt: Promise<void>, parts: readonly (string | RegExp)[]) => {
    const refusal = await attempt.then(
      () => "imported",
      (error: Error) => error.message,
    );
    for (const part of parts) expect(refusal, what).toMatch(part instanceof RegExp ? part : literal(part));
    // Written for people: no stack, no error names, and shorter than a page.
    expect(refusal, what).not.toMatch(/\bat \w+ \(|TypeError|undefined|\[object/);
    expect(refusal.length, what).toBeLessThan(500);
    await nothingLost(what);
  };

  for (const [what, files, parts] of badModels) {
    await refused(what, openModelFolder(page, await folderOf(files)), parts);
  }
  for (const [what, name, content, parts] of badData) {
    await refused(what, openData(page, join(await folderOf({ [name]: content }), name)), parts);
  }

  // Also after a reload; and the good files train again.
  await page.reload();
  await nothingLost("after a reload");
  await startTraining(page);
  await enterStep(page, "Runs");
  await runs(page).and(page.locator('[data-status="finished"]')).nth(1).waitFor();
});

test("a row that cannot be used is left out with its line, and the others are trained on", async () => {
  const { page } = await goodTab();
  for (const [what, content, line, reason] of partlyBad) {
    // One source at a time.
    for (const name of await sourcesOf(page)) await page.getByRole("checkbox", { name: `Train on ${name}` }).uncheck();
    const name = `${line}.jsonl`;
    await openData(page, join(await folderOf({ [name]: content }), name));
    expect(await sourcesOf(page), what).toEqual([name]);
    const problems = page.getByRole("region", { name: "Rows left out", exact: true }).getByRole("listitem");
    await problems.filter({ hasText: `Line ${line}` }).waitFor();
    expect(await problems.allTextContents(), what).toEqual([
      expect.stringMatching(new RegExp(`^Line ${line} .*${reason}`)),
    ]);
  }
  await startTraining(page);
  await waitForRun(page, ["finished"]);
  expect((await downloadRecord(page)).examples).toEqual({ training: 17, validation: 2 });
});

test("numbers that are not finite end the run with the step, the rows and the way out", async () => {
  const tensors = tinyTensors().map((tensor) =>
    tensor.name === "model.norm.weight" ? { ...tensor, data: tensor.data.fill(3e38) } : tensor,
  );
  const { page } = await goodTab(tinyModel(tensors), await freshTab());
  // A snapshot generates an answer before the first step, and would find the fault earlier.
  await fillRecipe(page, { validationShare: "0", watchEvery: "" });
  await startTraining(page);
  await waitForRun(page, ["failed"]);
  const alert = region(page, "Training").getByRole("alert");
  expect(await alert.textContent()).toMatch(
    /The loss of step 1 is (NaN|Infinity)\. .*make it ten times lower.*these rows of the dataset: (good\.jsonl line \d+(, |\.)){4}/,
  );
  // The run stays with its reason, and another can start.
  await enterStep(page, "Runs");
  const failed = runs(page).and(page.locator('[data-status="failed"]'));
  expect(await failed.textContent()).toContain("0 / 2");
  await enterStep(page, "Train");
  expect(await page.getByRole("button", { name: "Start training" }).isEnabled()).toBe(true);
});

test("a tokenizer whose pattern never ends is named, and another model trains afterwards", async () => {
  const files = tinyModel();
  const tokenizer = JSON.parse(String(files["tokenizer.json"]));
  const split = { type: "Split", pattern: { Regex: "(a+)+$" }, behavior: "Isolated", invert: false };
  tokenizer.pre_tokenizer = { type: "Sequence", pretokenizers: [split, tokenizer.pre_tokenizer] };
  const hostile = { ...files, "tokenizer.json": JSON.stringify(tokenizer) };
  const { page } = await goodTab(hostile, await freshTab());
  const row = JSON.stringify({ instruction: `${"a".repeat(40)}!`, output: "yes" });
  await openData(page, join(await folderOf({ "aaa.jsonl": row }), "aaa.jsonl"));
  await startTraining(page);
  const alert = region(page, "Training").getByRole("alert");
  await alert.waitFor({ timeout: 30_000 });
  expect(await alert.textContent()).toMatch(
    /tokenizer\.json: pre_tokenizer\.pretokenizers\[0\]\.pattern "\(a\+\)\+\$" did not end on row 1 of aaa\.jsonl within 5 seconds/,
  );
  await openModelFolder(page, await folderOf(tinyModel()));
  await startTraining(page);
  await waitForRun(page, ["finished"]);
});

/** The text itself as a pattern. */
const literal = (text: string) => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
