/** Controls the page through its labels, as a user does, for the demo and the end-to-end tests. */

import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { Locator, Page } from "playwright";
import type { WholeRecord } from "../../src/run/record.ts";
import type { examRecord } from "../../src/store/examSummary.ts";
import { demoData } from "../../src/store/seedling.ts";

/** Timeout for opening and compiling, long enough for slow machines. */
const patience = 300_000;

/** The names of the screens' links. */
export type ScreenName =
  | "Model"
  | "Data"
  | "Template and mask"
  | "Train"
  | "Compare"
  | "Take away"
  | "Runs"
  | "Machine"
  | "Glossary";

/** Opens a screen through its link in the rail. */
export async function enterStep(page: Page, name: ScreenName): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
  await page.getByRole("heading", { level: 1, name, exact: true }).waitFor();
}

interface OpenOptions {
  /** Leaves the demo data of a first visit selected; false by default. */
  readonly keepDemoData?: boolean;
}

/**
 * Waits for the engine on the requested provider, and for the model and data of a first visit. Throws with the page's message
 * when there is no engine.
 */
export async function openStudio(
  page: Page,
  address: string,
  provider: "auto" | "wasm" | "webgpu",
  { keepDemoData = false }: OpenOptions = {},
): Promise<void> {
  await page.goto(address);
  const status = page.getByTestId("engine-status");
  const settle = async () => {
    await page.waitForFunction(
      () =>
        ["ready", "failed"].includes(
          document.querySelector<HTMLElement>('[data-testid="engine-status"]')?.dataset.status ?? "",
        ),
      null,
      { timeout: patience },
    );
  };
  await settle();
  await page.locator('[data-settled="true"]').waitFor({ timeout: patience });
  if (!keepDemoData) {
    await enterStep(page, "Data");
    const demo = page.getByRole("checkbox", { name: `Train on ${demoData}`, exact: true });
    if ((await demo.count()) > 0) await demo.uncheck();
  }
  if (provider === "auto") return;
  await enterStep(page, "Machine");
  await page.getByLabel("Provider").selectOption(provider);
  await page.waitForFunction(
    (wanted) => {
      const { status: now, provider: has } =
        document.querySelector<HTMLElement>('[data-testid="engine-status"]')?.dataset ?? {};
      return now === "failed" || (now === "ready" && has === wanted);
    },
    provider,
    { timeout: patience },
  );
  if ((await status.getAttribute("data-status")) === "failed") throw new Error(await alertText(page));
}

/** Measures the losses of the rows of the run on the Compare screen. */
export async function measureRows(page: Page): Promise<void> {
  await enterStep(page, "Compare");
  await page.getByRole("button", { name: "Measure the rows" }).click();
  await page.getByRole("region", { name: "Training rows by loss" }).waitFor({ timeout: patience });
}

/** The text of the first alert, or a sentence that there is none. */
export async function alertText(page: Page): Promise<string> {
  const alerts = page.getByRole("alert");
  return (await alerts.count()) > 0 ? ((await alerts.first().textContent()) ?? "") : "The page shows no message.";
}

/** Gives a file to an input by its path, like a file dialog; Playwright would send the contents, limited to 50 MB. */
async function giveFile(page: Page, input: string, path: string): Promise<void> {
  const session = await page.context().newCDPSession(page);
  try {
    const expression = `document.querySelector(${JSON.stringify(input)})`;
    const { result } = await session.send("Runtime.evaluate", { expression });
    if (!result.objectId) throw new Error(`The page has no ${input}.`);
    await session.send("DOM.setFileInputFiles", { files: [resolve(path)], objectId: result.objectId });
  } finally {
    await session.detach();
  }
}

/** Gives a file or folder to a picker and waits until the page has opened it; throws the page's message otherwise. */
async function pick(page: Page, part: "Model" | "Data", label: string, path: string): Promise<void> {
  await enterStep(page, part);
  const panel = page.getByRole("region", { name: part, exact: true });
  const input = `input[aria-label="${label}"]`;
  if ((await stat(path)).isDirectory()) await panel.locator(input).setInputFiles(path);
  else await giveFile(page, input, path);
  // Pickers are disabled while the page reads a file.
  await panel.locator("button:enabled", { hasText: "Choose a" }).waitFor({ timeout: patience });
  const refusals = await panel.getByRole("alert").allTextContents();
  if (refusals.length > 0) throw new Error(refusals.join(" "));
}

export const openModelFolder = (page: Page, folder: string) => pick(page, "Model", "Model folder", folder);
export const openData = (page: Page, file: string) => pick(page, "Data", "Data files", file);

/** Fills fields of the recipe by name, such as `steps`, on the screen of each; ends on Train. */
export async function fillRecipe(page: Page, fields: Readonly<Record<string, string>>): Promise<void> {
  await enterStep(page, "Train");
  const more = page.getByRole("button", { name: "More settings" });
  if ((await more.count()) > 0) await more.click();
  for (const [name, value] of Object.entries(fields)) {
    const field = page.locator(`[name="${name}"]`);
    const screen = await field.evaluate((element) => element.closest<HTMLElement>("[data-screen]")?.dataset.screen);
    await enterStep(page, screen === "template" ? "Template and mask" : "Train");
    const isSelect = await field.evaluate((element) => element instanceof HTMLSelectElement);
    if (isSelect) await field.selectOption(value);
    else await field.fill(value);
  }
  await enterStep(page, "Train");
}

export interface Progress {
  readonly status: string;
  readonly step: number;
  readonly total: number;
  readonly loss: number | null;
  readonly tokensPerSecond: number | null;
}

/** The run's progress from the attributes of the progress bar; null without a progress bar. */
export async function progressOf(page: Page): Promise<Progress | null> {
  const data = await page.evaluate(() => {
    const bar = document.querySelector<HTMLElement>('[role="progressbar"][data-run]');
    return bar ? { ...bar.dataset } : null;
  });
  const number = (text: string | undefined) => (text === undefined || text === "" ? null : Number(text));
  return (
    data && {
      status: data.status ?? "",
      step: number(data.step) ?? 0,
      total: number(data.total) ?? 0,
      loss: number(data.loss),
      tokensPerSecond: number(data.tokensPerSecond),
    }
  );
}

/** Starts a run under Train. */
export async function startTraining(page: Page): Promise<void> {
  await enterStep(page, "Train");
  await page.getByRole("button", { name: "Start training" }).click();
}

/** Waits on Train until the run has one of the statuses; throws with the page's message when it fails instead. */
export async function waitForRun(
  page: Page,
  statuses: readonly string[],
  onProgress: (progress: Progress) => void = () => undefined,
): Promise<void> {
  await enterStep(page, "Train");
  for (;;) {
    const progress = await progressOf(page);
    if (progress) {
      onProgress(progress);
      if (statuses.includes(progress.status)) return;
      if (progress.status === "failed") throw new Error(await alertText(page));
    } else if ((await page.getByRole("alert").count()) > 0) {
      throw new Error(await alertText(page));
    }
    await page.waitForTimeout(50);
  }
}

async function downloadJson(page: Page, button: Locator): Promise<unknown> {
  const [file] = await Promise.all([page.waitForEvent("download"), button.click()]);
  return JSON.parse(await readFile(await file.path(), "utf8"));
}

/** The record of the newest run with a step, from the download under Take away. */
export async function downloadRecord(page: Page): Promise<WholeRecord> {
  await enterStep(page, "Take away");
  return (await downloadJson(page, page.getByRole("button", { name: "Download run record" }))) as WholeRecord;
}

export type ExamRecord = ReturnType<typeof examRecord>;

/**
 * Takes the page's exam, or one from a file, with the newest run, and returns the downloaded results. Throws with the page's
 * message when it fails.
 */
export async function takeExam(
  page: Page,
  file: string | null,
  onProgress: (text: string) => void = () => undefined,
): Promise<ExamRecord> {
  await enterStep(page, "Compare");
  const exam = page.getByRole("region", { name: "Exam", exact: true });
  const run = exam.getByRole("button", { name: "Run the exam" });
  if (file === null) await exam.getByLabel("Exam set").selectOption("demo");
  else {
    await giveFile(page, 'input[aria-label="Exam files"]', file);
    await exam.locator('option[value="own"]:checked, [role="alert"]').first().waitFor({ state: "attached" });
  }
  const refusals = await exam.getByRole("alert").allTextContents();
  if (refusals.length > 0) throw new Error(refusals.join(" "));
  await run.click({ timeout: patience });
  for (;;) {
    const status = await exam.getAttribute("data-exam-status");
    if (status === "done") break;
    if (status === "failed") throw new Error((await exam.getByRole("alert").allTextContents()).join(" "));
    onProgress((await exam.getByRole("status").allTextContents()).join(" "));
    await page.waitForTimeout(100);
  }
  return (await downloadJson(page, exam.getByRole("button", { name: "Download exam results" }))) as ExamRecord;
}

/** Enters a question under Compare and returns both answers, once the tuned model has finished. */
export async function promptBoth(page: Page, question: string): Promise<{ base: string; tuned: string }> {
  await enterStep(page, "Compare");
  const compare = page.getByRole("region", { name: "Compare", exact: true });
  await compare.getByLabel("Question", { exact: true }).fill(question);
  await compare.getByRole("button", { name: "Ask both" }).click();
  const answerOf = async (title: string) => {
    const card = compare.getByRole("region", { name: title });
    await card.and(page.locator('[data-status="done"], [data-status="failed"]')).waitFor({ timeout: patience });
    const refusals = await card.getByRole("alert").allTextContents();
    if (refusals.length > 0) throw new Error(refusals.join(" "));
    return (await card.getByTestId("answer").textContent()) ?? "";
  };
  return { base: await answerOf("Base model"), tuned: await answerOf("Tuned model") };
}
