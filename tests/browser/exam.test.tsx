/** The exam on the page with the real engine: taken, looked at, stopped, refused. Oracle: the models' answers, known by construction. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { examFile, examRows, examTexts } from "../support/exam.ts";
import { keepBasics, keepRun } from "../support/kept.ts";
import { refuse, type Stubs, untilCancelled } from "../support/services.ts";
import { closePage, eachOnAPage, enter, openStudio } from "../support/studio.tsx";
import { jsonLines } from "../support/tinyLlama.ts";

const kept = eachOnAPage(async (here) => {
  const basics = await keepBasics(here);
  const run = await keepRun(here, basics, "First try");
  const { template, systemPrompt } = run.recipe;
  const subject = { modelHash: basics.model.hash, checkpoint: null, template, systemPrompt, questions: [] };
  const lossOf = async (runId: string | null) =>
    (await here.engine.examine({ ...subject, runId, texts: examTexts })).textLoss ?? Number.NaN;
  return { ...basics, losses: [await lossOf(null), await lossOf(run.id)] as const };
});

const exam = page.getByRole("region", { name: "Exam", exact: true });
const run = exam.getByRole("button", { name: "Run the exam" });

async function open(stubs: Stubs = {}) {
  const hone = await openStudio({ model: kept().model }, stubs);
  await enter("Compare");
  return hone;
}

test("an exam from a file shows before and after by group and task, the loss, and each question", async () => {
  await open();
  await expect.element(run).toBeDisabled();
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(exam).toHaveTextContent("30 questions and 1 general text.");
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  await expect.element(exam.getByRole("row", { name: "All questions" })).toHaveTextContent("All questions3017 %67 %");
  await expect
    .element(exam.getByRole("row", { name: "trained entities" }))
    .toHaveTextContent("trained entities2020 %60 %");
  await expect.element(exam.getByRole("row", { name: "even" })).toHaveTextContent("even1533 %53 %");
  const [before, after] = kept().losses;
  await expect.element(exam).toHaveTextContent(`${before.toPrecision(4)} → ${after.toPrecision(4)}`);

  const list = exam.getByRole("region", { name: /questions?$/ });
  await expect
    .element(list.getByRole("listitem").nth(1))
    .toHaveTextContent(/What is 1\?.*Before: ✗ wrong.*After: ✓ right/);
  expect(list.getByRole("listitem").elements()).toHaveLength(10);
  await list.getByRole("button", { name: "Show all 30" }).click();
  expect(list.getByRole("listitem").elements()).toHaveLength(30);
  await page.getByLabelText("Show questions").selectOptions("Right before, wrong after");
  await expect.element(exam.getByRole("heading", { name: "5 questions" })).toBeVisible();
  expect(
    list
      .getByRole("listitem")
      .elements()
      .map(({ textContent }) => /What is \d+/.exec(textContent ?? "")?.[0]),
  ).toEqual([0, 6, 12, 18, 24].map((i) => `What is ${i}`));
});

test("the base model is asked once for an exam; a run is stopped, and taken up again", async () => {
  let held = true;
  const hone = await open({
    engine: ({ takeExam }) => ({
      takeExam: (request, signal) => (held && request.runId ? untilCancelled(signal) : takeExam(request, signal)),
    }),
  });
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(run).toBeEnabled();
  const phases = new Set<string>();
  hone.store.subscribe(({ exam: { phase } }, before) => phase !== before.exam.phase && phases.add(phase));
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "tuned");
  await exam.getByRole("button", { name: "Stop the exam" }).click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "stopped");
  await expect.element(exam.getByRole("row", { name: "All questions" })).toHaveTextContent("All questions3017 %");
  expect([...phases]).toEqual(["reading", "base", "tuned", "idle"]);
  phases.clear();
  held = false;
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  expect([...phases]).toEqual(["reading", "tuned", "idle"]);
});

test("results outlive the page: listed with date, checkpoint and right answers, shown again, deleted", async () => {
  const stored = exam.getByRole("region", { name: "Stored results" });
  const rows = () =>
    stored
      .getByRole("listitem")
      .elements()
      .map(({ textContent }) => textContent);
  await open();
  await expect.element(stored).not.toBeInTheDocument();
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  await page
    .getByRole("region", { name: "Compare", exact: true })
    .getByLabelText("Checkpoint", { exact: true })
    .selectOptions("20");
  await run.click();
  await expect.element(exam.getByText("Before: tiny. After: First try, step 20.")).toBeVisible();
  closePage();

  const hone = await open();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  await expect.element(exam.getByText("Before: tiny. After: First try, step 20.")).toBeVisible();
  expect(rows()).toEqual([
    expect.stringMatching(/^Step 20\d+ % of 30.* · exam\.jsonl · shown belowDelete$/),
    expect.stringMatching(/^Step 3067 % of 30.* · exam\.jsonlDelete$/),
    expect.stringMatching(/^Base model17 % of 30.* · exam\.jsonl · shown belowDelete$/),
  ]);
  await stored.getByRole("button", { name: /^Show the result: Step 30/ }).click();
  await expect.element(exam.getByText("Before: tiny. After: First try, step 30.")).toBeVisible();
  await expect.element(exam.getByRole("row", { name: "All questions" })).toHaveTextContent("All questions3017 %67 %");

  // The base model's answers serve again, until it is asked anew.
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(exam).toHaveTextContent(/The base model's answers are from \d/);
  const phases = new Set<string>();
  hone.store.subscribe(({ exam: { phase } }, before) => phase !== before.exam.phase && phases.add(phase));
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  expect([...phases]).toEqual(["reading", "tuned", "idle"]);
  await exam.getByRole("button", { name: "Run both again" }).click();
  await exam.getByRole("button", { name: "Show all 6 results" }).click();
  expect([...phases]).toEqual(["reading", "tuned", "idle", "base"]);
  expect(rows()).toHaveLength(6);

  await stored.getByRole("button", { name: /^Delete Step 20/ }).click();
  await stored.getByRole("group", { name: "Delete this result?" }).getByRole("button", { name: "Delete" }).click();
  await expect.poll(() => rows().length).toBe(5);
  closePage();
  await open();
  await expect.poll(() => rows().length).toBe(5);
});

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  await open();
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  await exam.getByRole("button", { name: /^Delete Base model/ }).click();
  expect(document.documentElement.dataset.mantineColorScheme).toBe(scheme);
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  expect(violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 160)}`))).toEqual([]);
});

test.each([390, 1280])("nothing is wider than a page of %d pixels", async (width) => {
  await page.viewport(width, 844);
  await open();
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  await exam.getByRole("button", { name: /^Delete Base model/ }).click();
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(width);
});

test("a file that is no exam, and an engine that fails, are told in place; the exam can be tried again", async () => {
  await open({ engine: () => ({ takeExam: refuse("The GPU was lost.") }) });
  await userEvent.upload(page.getByLabelText("Exam files"), examFile('{"text":"Only text."}\n'));
  await expect.element(exam.getByRole("alert")).toHaveTextContent("no question with an answer");
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(exam.getByRole("alert")).not.toBeInTheDocument();
  await run.click();
  await expect.element(exam.getByRole("alert")).toHaveTextContent("The GPU was lost.");
  await expect.element(run).toBeEnabled();
});

test("the page's own exam is fetched from beside it, and its absence is told in place", async () => {
  await open();
  const texts: Record<string, string> = { "small-world-exam.jsonl": jsonLines(examRows.slice(0, 6)) };
  const served = vi.spyOn(window, "fetch").mockImplementation(async (address) => {
    const text = texts[String(address).split("/").at(-1) ?? ""];
    return text === undefined ? new Response(null, { status: 404 }) : new Response(text);
  });
  await page.getByLabelText("Exam set").selectOptions("demo");
  await run.click();
  await expect
    .element(exam.getByRole("alert"))
    .toHaveTextContent(/small-world-text\.jsonl is not served beside the page/);
  texts["small-world-text.jsonl"] = jsonLines([{ text: "Once upon a time." }]);
  served.mockClear();
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  expect(served.mock.calls.map(([address]) => String(address).split("/").at(-1))).toEqual(Object.keys(texts));
  await expect.element(exam).toHaveTextContent("small-world-exam.jsonl and small-world-text.jsonl");
});
