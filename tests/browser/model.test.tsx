/** The Model screen in Chromium on the real engine, with the hub's answers played. Oracle: the bytes that the hub gave, and what a user sees. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { wholeSource } from "../../src/run/source.ts";
import { bytes } from "../../src/ui/format.ts";
import { copyStorage, putStorage, type StorageCopy } from "../support/browserStorage.ts";
import { stepTaken } from "../support/engineHere.ts";
import { type HubModels, sha } from "../support/hub.ts";
import { playHub } from "../support/hubInPage.ts";
import { colourRows, keepRows } from "../support/kept.ts";
import { recipeOf } from "../support/recipe.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";
import { asFiles, sizedModel, tinyConfig, tinyModel } from "../support/tinyLlama.ts";

const template = "{% for message in messages %}\n{{ message.content }}{{ eos_token }}\n{% endfor %}";

/** Two pieces as they are kept, and more. */
const files = Object.fromEntries(
  Object.entries(sizedModel({ hidden_size: 256, intermediate_size: 1536, num_hidden_layers: 2 })).map(
    ([name, content]) => [name, typeof content === "string" ? new TextEncoder().encode(content) : content],
  ),
);
const models: HubModels = {
  "owner/small": { files },
  "owner/half": { files },
  "owner/gated": { files: {}, gated: "manual" },
  "owner/large": { files, listed: { "model.safetensors": 20e9 } },
  "HuggingFaceTB/SmolLM2-135M": { files },
};
const total = Object.values(files).reduce((sum, { length }) => sum + length, 0);
const size = bytes(total);
/** What is kept once a little more than a piece has come. */
const piece = 4 * 2 ** 20;

/** What a browser keeps that has never seen a model, fetched one, left another half-way, or trained on its own. */
interface Browsers {
  readonly fetched: { readonly kept: StorageCopy; readonly hash: string };
  readonly half: StorageCopy;
  readonly own: { readonly kept: StorageCopy; readonly hash: string };
}

const browsers = eachOnAPage(async (here): Promise<Browsers> => {
  const { engine } = here;
  const empty = await copyStorage();
  const hub = playHub(models);
  const source = (id: string) => ({ kind: "hub" as const, id, revision: sha, folder: "" });
  const { hash } = await engine.openModel(source("owner/small"));
  const fetched = { kept: await copyStorage(), hash };

  await putStorage(empty);
  const cut = new AbortController();
  hub.limit = hub.sent + 1.5 * piece;
  const fetching = engine.openModel(source("owner/half"), cut.signal).catch(() => undefined);
  await vi.waitFor(() => expect(hub.sent).toBeGreaterThanOrEqual(hub.limit));
  await vi.waitFor(async () => expect((await engine.listFetches())[0]?.fetched).toBeGreaterThanOrEqual(piece));
  cut.abort();
  await fetching;
  const half = await copyStorage();

  await putStorage(empty);
  vi.restoreAllMocks();
  const own = { ...tinyModel(), "chat_template.jinja": template };
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(own), name: "tiny" });
  const rows = await keepRows(here, colourRows(), "colours.jsonl");
  const recipe = recipeOf("lora", { maxLength: 64, steps: 1000, samplePrompts: 0, watchEvery: null });
  const run = engine.startRun({ name: "a run", modelHash, sources: [wholeSource(rows.hash)], recipe });
  await stepTaken(here, 1);
  await engine.pauseRun();
  await run;
  const ownKept = { kept: await copyStorage(), hash: modelHash };
  await putStorage(empty);
  return { fetched, half, own: ownKept };
});

const screen = page.getByRole("region", { name: "Model", exact: true });
const region = (name: string) => screen.getByRole("region", { name, exact: true });
const fromHub = region("From Hugging Face");
const catalogue = region("Models to try");
const keptHere = region("Saved in this browser");
const chosen = page.getByLabelText("Train this model");

async function open() {
  const hub = playHub(models);
  const hone = await openStudio();
  await enter("Model");
  return { hone, hub };
}

async function lookUp(text: string) {
  await fromHub.getByRole("textbox", { name: "Hugging Face id or address" }).fill(text);
  await fromHub.getByRole("button", { name: "Look it up", exact: true }).first().click();
}

test("a model is looked up, its size and needs are shown, and it is fetched, chosen and kept", async () => {
  const { hone, hub } = await open();
  await expect.element(region("Chosen model")).toHaveTextContent("No model is chosen.");
  await lookUp("owner/small");
  const card = fromHub.getByRole("region", { name: "Found: owner/small" });
  await expect.element(card).toHaveTextContent(`Download size${size}`);
  // The configuration alone was read.
  expect(hub.sent).toBe(files["config.json"]?.length);
  const { found } = hone.store.getState().model.lookup;
  await expect.element(card).toHaveTextContent(`Memory for LoRA16 bits ${bytes(found?.needs.lora.float16 ?? 0)}`);
  await expect
    .element(card.getByRole("link", { name: "Model page on Hugging Face" }))
    .toHaveAttribute("href", "https://huggingface.co/owner/small");
  hub.limit = total / 4;
  await card.getByRole("button", { name: `Fetch ${size}` }).click();
  const bar = fromHub.getByRole("progressbar", { name: "Fetching owner/small" });
  await vi.waitFor(() => expect(hub.sent).toBeGreaterThanOrEqual(hub.limit));
  // Progress is told every tenth of a second, when something comes.
  await new Promise((resolve) => setTimeout(resolve, 150));
  hub.limit = total / 2;
  const shown = () => Number(bar.element().getAttribute("aria-valuenow"));
  await expect.poll(shown).toBeGreaterThan(20);
  expect(shown()).toBeLessThan(60);
  await expect.element(fromHub.getByText(new RegExp(`MB of ${size}`))).toBeVisible();
  hub.limit = Number.POSITIVE_INFINITY;
  await expect.element(chosen).toHaveTextContent("owner/small");
  await expect.element(region("Chosen model")).toHaveTextContent(/Saved here\s*yes/);
  await expect.element(card).not.toBeInTheDocument();
  await expect.element(keptHere.getByRole("button", { name: "Remove owner/small" })).toBeVisible();
});

test("a fetch that is stopped stays as unfinished, and goes on where it stopped", async () => {
  const { hone, hub } = await open();
  await lookUp("owner/small");
  hub.limit = 1.5 * piece;
  await fromHub.getByRole("button", { name: `Fetch ${size}` }).click();
  await vi.waitFor(() => expect(hub.sent).toBeGreaterThanOrEqual(hub.limit));
  // The piece that came is written.
  await vi.waitFor(async () =>
    expect((await hone.client.engine.listFetches())[0]?.fetched).toBeGreaterThanOrEqual(piece),
  );
  await fromHub.getByRole("button", { name: "Stop" }).click();
  await expect.element(fromHub.getByRole("button", { name: /^Resume: fetch the remaining \d/ })).toBeVisible();
  const item = keptHere.getByRole("listitem").filter({ hasText: "Unfinished" });
  await expect.element(item).toHaveTextContent(`${bytes(piece)} of ${size} fetched`);
  await expect.element(fromHub.getByRole("alert")).not.toBeInTheDocument();
  hub.limit = Number.POSITIVE_INFINITY;
  hub.sent = 0;
  await keptHere.getByRole("button", { name: "Resume owner/small" }).click();
  await expect.element(chosen).toHaveTextContent("owner/small");
  await expect.element(item).not.toBeInTheDocument();
  expect(hub.sent).toBeLessThanOrEqual(total - piece);
});

test("what an earlier visit left unfinished is listed, and can be discarded after a question", async () => {
  await putStorage(browsers().half);
  await open();
  await expect.element(keptHere).toHaveTextContent(`${bytes(piece)} of ${size} fetched`);
  await keptHere.getByRole("button", { name: "Discard owner/half" }).click();
  await keptHere.getByRole("button", { name: "Keep" }).click();
  await keptHere.getByRole("button", { name: "Discard owner/half" }).click();
  await keptHere.getByRole("button", { name: "Discard", exact: true }).click();
  await expect.element(keptHere).toHaveTextContent("Models that you open are saved here");
});

test("gated and missing models are explained in place, and what was typed stays", async () => {
  await open();
  await lookUp("owner/gated");
  const alert = fromHub.getByRole("alert");
  await expect.element(alert).toHaveTextContent("is gated");
  await expect.element(alert.getByRole("link")).toHaveAttribute("href", "https://huggingface.co/owner/gated");
  await lookUp("owner/missing");
  await expect.element(alert).toHaveTextContent('no public model "owner/missing"');
  await expect.element(fromHub.getByRole("textbox")).toHaveValue("owner/missing");
});

test("without room, or without the memory, it is said before anything is fetched", async () => {
  vi.spyOn(navigator.storage, "estimate").mockResolvedValue({ usage: 0, quota: 10e9 });
  await open();
  await lookUp("owner/large");
  await expect
    .element(fromHub.getByRole("alert"))
    .toHaveTextContent("The model needs 20.0 GB, and this browser has 10.0 GB free");
  await expect.element(fromHub.getByRole("button", { name: "Fetch 20.0 GB" })).toBeDisabled();
  await fromHub.getByRole("button", { name: "Cancel" }).click();
  await expect.element(fromHub.getByRole("alert")).not.toBeInTheDocument();
});

test("the catalogue names licence, template, size and needs, and looks a model up by keyboard", async () => {
  await open();
  const id = "HuggingFaceTB/SmolLM2-135M";
  const entry = catalogue.getByRole("listitem").filter({ hasText: "SmolLM2-135M base" });
  await expect.element(entry).toHaveTextContent(/Licence Apache-2\.0.*Template none/);
  await expect
    .element(entry)
    .toHaveTextContent(
      /Parameters134\.5 M.*Download269\.1 MB.*LoRA memory347\.\d MB\s*4 bits: 17\d\.\d MB\s*Full memory2\.2 GB/,
    );
  const button = catalogue.getByRole("button", { name: `Look up ${id}`, exact: true });
  await expect.element(button).toBeEnabled();
  (button.element() as HTMLElement).focus();
  await userEvent.keyboard("{Enter}");
  await expect.element(fromHub.getByRole("region", { name: `Found: ${id}` })).toBeVisible();
  await expect.element(fromHub.getByRole("textbox")).toHaveValue(id);
  // The answer is in view, and the keyboard goes on there.
  await expect.element(fromHub).toHaveFocus();
  const { top } = fromHub.element().getBoundingClientRect();
  // Scrolling ends at a whole pixel, the panel may begin between two.
  expect(top).toBeGreaterThan(-1);
  expect(top).toBeLessThan(innerHeight / 2);
});

test("the catalogue names what is too large and in which bits it fits, and how to get a gated model", async () => {
  const { hone } = await open();
  await hone.engine.start("wasm");
  const large = catalogue.getByRole("listitem").filter({ hasText: "SmolLM3-3B" });
  await expect
    .element(large)
    .toHaveTextContent("Base weights of 16 bits do not fit this machine; with 8 bits LoRA needs 3.9 GB.");
  await expect.element(large).toHaveTextContent(/Download6\.2 GB.*6\.6 GB\s*4 bits: 2\.5 GB.*49\.2 GB\s*too large/);
  await expect.element(large.getByRole("button")).toBeEnabled();
  const medium = catalogue.getByRole("listitem").filter({ hasText: "Qwen3-0.6B instruct" });
  await expect
    .element(medium)
    .toHaveTextContent(/LoRA memory1\.4 GB\s*4 bits: \d+\.\d MB\s*Full memory9\.5 GB\s*too large/);
  await expect.element(medium.getByRole("button", { name: "Look up Qwen/Qwen3-0.6B", exact: true })).toBeEnabled();
  const gated = catalogue.getByRole("listitem").filter({ hasText: "gemma-3-270m-it" });
  await expect.element(gated).toHaveTextContent("Accept Google's conditions on its page");
  await expect
    .element(gated.getByRole("link", { name: "Open the page of google/gemma-3-270m-it" }))
    .toHaveAttribute("href", "https://huggingface.co/google/gemma-3-270m-it");
  expect(gated.getByRole("button").elements()).toEqual([]);
});

test("a model that is kept already is used instead of fetched", async () => {
  const { hash, kept } = browsers().fetched;
  await putStorage(kept);
  await open();
  await lookUp("owner/small");
  await fromHub.getByRole("button", { name: "Use the saved model" }).click();
  await expect.element(chosen).toHaveValue(hash);
});

test("details name shape, tokens, template and the whole hash; removing asks, and names the runs it would cost", async () => {
  const { hash, kept } = browsers().own;
  await putStorage(kept);
  await open();
  await chosen.selectOptions(hash);
  const panel = region("Chosen model");
  await panel.getByText("Model details").click();
  await expect.element(panel).toHaveTextContent(`${tinyConfig.num_attention_heads}, 1 key/value heads`);
  await expect.element(panel).toHaveTextContent("tied to the embedding");
  await expect.element(panel).toHaveTextContent(hash);
  await panel.getByText("Chat template of the model").click();
  await expect.element(panel.getByText("{{ message.content }}{{ eos_token }}")).toBeVisible();
  await keptHere.getByRole("button", { name: "Remove tiny" }).click();
  await expect.element(keptHere.getByText("1 run cannot resume without it.", { exact: false })).toBeVisible();
  await keptHere.getByRole("button", { name: "Remove", exact: true }).click();
  await expect.element(chosen).not.toBeInTheDocument();
});

test("files are chosen or dropped; what is wrong with them stands beside the buttons", async () => {
  await open();
  const transfer = new DataTransfer();
  transfer.items.add(new File(["x"], "model.safetensors"));
  const target = document.querySelector('[data-testid="drop-model"]');
  for (const type of ["dragover", "drop"])
    target?.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
  await expect
    .element(region("From disk").getByRole("alert"))
    .toHaveTextContent("The choice of files has no config.json");
  const input = document.querySelector<HTMLInputElement>('input[aria-label="Model files"]');
  const good = new DataTransfer();
  for (const file of asFiles(tinyModel())) good.items.add(file);
  if (input) input.files = good.files;
  input?.dispatchEvent(new Event("change", { bubbles: true }));
  await expect.element(chosen).toHaveTextContent("llama");
  await expect.element(region("From disk").getByRole("alert")).not.toBeInTheDocument();
});

test.each(["light", "dark"])("has no violation of accessibility in %s, on a phone and on a screen", async (scheme) => {
  await putStorage(browsers().half);
  const { hone } = await open();
  await hone.model.open({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  document.documentElement.dataset.mantineColorScheme = scheme;
  await lookUp("owner/small");
  await expect.element(fromHub.getByRole("region", { name: /^Found/ })).toBeVisible();
  await expect.element(catalogue.getByRole("listitem").last()).toBeVisible();
  for (const summary of document.querySelectorAll<HTMLElement>("[data-screen=model] summary")) summary.click();
  for (const width of [390, 1280]) {
    await page.viewport(width, 900);
    const { violations } = await axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"] });
    expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`)).toEqual([]);
    expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
  }
});
