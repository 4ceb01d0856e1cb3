/** The exam on the page with a fake engine: taken, looked at, stopped, refused. Oracle: what the fake answers. */

import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { fakeSource } from "../support/fakeData.ts";
import { type FakeSettings, fakeModel, fakeRun, fakeWorkers } from "../support/fakeEngine.ts";
import { eachOnAnEmptyPage, enter, kept, openPage } from "../support/fakeStudio.tsx";
import { jsonLines } from "../support/tinyLlama.ts";

const request = {
  name: "First try",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, lambda: 1, excluded: [] }],
  recipe: defaultRecipe("lora"),
};
const withRun: FakeSettings = {
  ...kept,
  runs: [{ ...fakeRun(request, 30, 30), status: "finished" }],
};
const rows = Array.from({ length: 30 }, (_, i) => ({
  instruction: `What is ${i}?`,
  output: `It is ${i}.`,
  group: i < 20 ? "trained entities" : "held-out tasks",
  task: i % 2 === 0 ? "even" : "odd",
}));
const file = (content: string) => new File([content], "exam.jsonl");
const examFile = () => file(jsonLines([...rows, { text: "Once upon a time." }]));

eachOnAnEmptyPage();

const exam = page.getByRole("region", { name: "Exam", exact: true });
const run = exam.getByRole("button", { name: "Run the exam" });

async function open(settings: FakeSettings = withRun) {
  const hone = await openPage(fakeWorkers(settings));
  hone.model.select(fakeModel.hash);
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
  // Of 30 the base model has every sixth right, the tuned one four of five.
  await expect.element(exam.getByRole("row", { name: "All questions" })).toHaveTextContent("All questions3017 %80 %");
  await expect
    .element(exam.getByRole("row", { name: "trained entities" }))
    .toHaveTextContent("trained entities2020 %80 %");
  await expect.element(exam.getByRole("row", { name: "even" })).toHaveTextContent("even1533 %80 %");
  await expect.element(exam).toHaveTextContent("2.100 → 2.250 (+0.150)");

  const list = exam.getByRole("region", { name: /questions?$/ });
  await expect
    .element(list.getByRole("listitem").nth(1))
    .toHaveTextContent(/What is 1\?.*Before: ✗ wrong.*After: ✓ right/);
  expect(list.getByRole("listitem").elements()).toHaveLength(10);
  await list.getByRole("button", { name: "Show all 30" }).click();
  expect(list.getByRole("listitem").elements()).toHaveLength(30);
  await page.getByLabelText("Show questions").selectOptions("Right before, wrong after");
  // Questions 24 alone: a multiple of six, and the last of five.
  await expect.element(exam.getByRole("heading", { name: "1 question" })).toBeVisible();
  await expect.element(list.getByRole("listitem")).toHaveTextContent("What is 24?");
});

test("the base model is asked once for an exam; a run is stopped, and taken up again", async () => {
  const hone = await open({ ...withRun, pace: 20 });
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(run).toBeEnabled();
  const phases = new Set<string>();
  hone.store.subscribe(({ exam: { phase } }) => phases.add(phase));
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "tuned");
  await exam.getByRole("button", { name: "Stop the exam" }).click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "stopped");
  await expect.element(exam.getByRole("row", { name: "All questions" })).toHaveTextContent("All questions3017 %");
  expect([...phases]).toEqual(["reading", "base", "tuned", "idle"]);
  phases.clear();
  await run.click();
  await expect.element(exam).toHaveAttribute("data-exam-status", "done");
  expect([...phases]).toEqual(["reading", "tuned", "idle"]);
});

test("a file that is no exam, and an engine that fails, are told in place; the exam can be tried again", async () => {
  await open({ ...withRun, failing: { examine: new Error("The GPU was lost.") } });
  await userEvent.upload(page.getByLabelText("Exam files"), file('{"text":"Only text."}\n'));
  await expect.element(exam.getByRole("alert")).toHaveTextContent("no question with an answer");
  await userEvent.upload(page.getByLabelText("Exam files"), examFile());
  await expect.element(exam.getByRole("alert")).not.toBeInTheDocument();
  await run.click();
  await expect.element(exam.getByRole("alert")).toHaveTextContent("The GPU was lost.");
  await expect.element(run).toBeEnabled();
});

test("the page's own exam is fetched from beside it, and its absence is told in place", async () => {
  await open();
  const texts: Record<string, string> = { "small-world-exam.jsonl": jsonLines(rows) };
  const served = vi.spyOn(window, "fetch").mockImplementation(async (address) => {
    const text = texts[String(address).split("/").at(-1) ?? ""];
    return text === undefined ? new Response(null, { status: 404 }) : new Response(text);
  });
  await page.getByLabelText("Which exam").selectOptions("demo");
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
