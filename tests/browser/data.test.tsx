/** Data, template and report in Chromium on the real services. Oracle: what a user sees of rows whose faults are known by number. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { keepBasics, keepRows } from "../support/kept.ts";
import { chatRows, faultyRows } from "../support/rows.ts";
import { type Stubs, untilCancelled } from "../support/services.ts";
import { closePage, eachOnAPage, enter, openStudio } from "../support/studio.tsx";
import { asFiles, jsonLines, speakingModel } from "../support/tinyLlama.ts";

/** 300 rows with faults, in "colours.jsonl". */
const kept = eachOnAPage(async (here) => {
  const basics = await keepBasics(here, { rows: faultyRows(300) });
  const short = speakingModel({ contextLength: 128 });
  return {
    ...basics,
    chats: await keepRows(here, chatRows(120), "support_chats.jsonl"),
    shortModel: await here.engine.openModel({ kind: "files", files: asFiles(short), name: "short" }),
  };
});

const openWithData = (stubs: Stubs = {}, sources = [kept().source], model = kept().model) =>
  openStudio({ model, sources }, stubs);

/** Writes no BOS, with which this model begins. */
const withoutBos =
  "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}";

const region = (name: string) => page.getByRole("region", { name, exact: true });
const data = region("Data");
const preview = region("Preview");
const report = region("Quality report");

function drop(files: readonly File[]) {
  const transfer = new DataTransfer();
  for (const file of files) transfer.items.add(file);
  const target = document.querySelector('[data-testid="drop-data"]');
  for (const type of ["dragover", "drop"])
    target?.dispatchEvent(new DragEvent(type, { bubbles: true, cancelable: true, dataTransfer: transfer }));
}

test("several files dropped at once: what can be read is chosen, what cannot is named", async () => {
  const hone = await openStudio();
  await enter("Data");
  const questions = faultyRows(20).map(({ instruction, output }) => ({ question: instruction, answer: output }));
  const [first, second] = ["questions.jsonl", "more_chats.json"];
  drop([
    new File([jsonLines(questions)], first),
    new File([], "empty.csv"),
    new File([JSON.stringify(chatRows(12))], second),
  ]);
  await expect.element(data.getByRole("alert")).toHaveTextContent(/empty\.csv is empty/);
  for (const name of [first, second])
    await expect.element(data.getByRole("checkbox", { name: `Train on ${name}` })).toBeChecked();
  const opened = hone.store.getState().data.list.filter(({ name }) => name === first || name === second);
  for (const { detection } of opened) await expect.element(data.getByText(detection.reason)).toBeVisible();
  await expect.element(data.getByText("32 rows in 2 sources")).toBeVisible();
  // λ and its meaning are there only because there are two.
  await data.getByRole("textbox", { name: `Weight λ of ${second}` }).fill("0");
  await expect.element(data.getByText("Enter a number above 0, for example 0.5.")).toBeVisible();
  await data.getByRole("textbox", { name: `Weight λ of ${second}` }).fill("2.5");
  expect(hone.store.getState().data.chosen.map(({ lambda }) => lambda)).toEqual([1, 2.5]);
  await data.getByRole("checkbox", { name: `Train on ${second}` }).click();
  await expect.element(data.getByLabelText("Source weighting")).not.toBeInTheDocument();
});

test("a source that the run goes over too often is told, in its card and in the report, until it is not", async () => {
  const hone = await openWithData();
  await enter("Data");
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("All checks passed");
  const warning = /^The run makes 5 passes over .*\. After about 4 passes .* add rows\.$/;
  await expect.element(data.getByText(warning)).not.toBeInTheDocument();
  hone.recipe.enter("epochs", "5");
  await expect.element(data.getByText(warning)).toBeVisible();
  await expect.element(report.getByText(warning)).toBeVisible();
  hone.recipe.enter("epochs", "4");
  await expect.element(data.getByText(warning)).not.toBeInTheDocument();
});

test("pasted text is read and chosen; what is broken stays to be mended", async () => {
  await openStudio();
  await enter("Data");
  await data.getByRole("button", { name: "Paste text" }).click();
  const text = data.getByRole("textbox", { name: "Rows as text" });
  await text.fill("{");
  await data.getByRole("button", { name: "Read the text" }).click();
  await expect.element(data.getByRole("alert")).toHaveTextContent(/Pasted.*broken JSON/);
  await expect.element(text).toHaveValue("{");
  await text.fill('{"instruction":"a","output":"b"}');
  await data.getByRole("textbox", { name: "Name" }).fill("Two");
  await data.getByRole("button", { name: "Read the text" }).click();
  await expect.element(data.getByRole("checkbox", { name: "Train on Two" })).toBeChecked();
  await expect.element(text).not.toBeInTheDocument();
});

test("a changed mapping changes the preview, outlives the page, and goes back to what was detected", async () => {
  await openWithData();
  await enter("Template and mask");
  await expect.element(preview.getByRole("button", { name: /^User .*message 1/ })).toBeVisible();
  await enter("Data");
  await data.getByRole("button", { name: "Change the columns of colours.jsonl" }).click();
  await data.getByLabelText("Format").selectOptions("text");
  await data.getByLabelText("Text", { exact: true }).selectOptions("output");
  await enter("Template and mask");
  await expect.element(preview.getByRole("button", { name: /^Plain text weight 1, message 1/ })).toBeVisible();
  await enter("Data");
  await data.getByLabelText("Text", { exact: true }).selectOptions("");
  await expect.element(data.getByText("Needs a column.")).toBeVisible();
  await data.getByLabelText("Text", { exact: true }).selectOptions("instruction");
  closePage();
  const again = await openStudio();
  expect(again.store.getState().data.chosen[0]?.mapping).toEqual({ format: "text", columns: { text: "instruction" } });
  await data.getByRole("button", { name: "Change the columns of colours.jsonl" }).first().click();
  await data.getByRole("button", { name: "As detected" }).first().click();
  expect(again.store.getState().data.chosen[0]?.mapping).toBeNull();
});

test("a template being written shows its result, and a fault with its line and a way there", async () => {
  await openWithData();
  await enter("Template and mask");
  const template = region("Template and mask");
  await template.getByLabelText("Template", { exact: true }).selectOptions("custom");
  const editor = template.getByRole("textbox", { name: "Your template" });
  await editor.fill(withoutBos);
  await expect.element(template.getByTestId("template-result")).toHaveTextContent(/an answer ends with "<\/s>"/);
  await editor.fill("{% for m in messages %}\n  {{ m.content\n{% endfor %}");
  const fault = template.getByTestId("template-error");
  await expect.element(fault).toHaveTextContent('Line 2, column 3: "{{" is never closed');
  await expect.element(editor).toHaveAttribute("aria-invalid", "true");
  await expect.element(editor).toHaveAccessibleDescription(/Line 2, column 3/);
  await expect.element(preview.getByText(/is never closed/).first()).toBeVisible();
  await fault.getByRole("button").click();
  await expect.element(editor).toHaveFocus();
  expect((editor.element() as HTMLTextAreaElement).selectionStart).toBe("{% for m in messages %}\n  ".length);
  await editor.fill(withoutBos);
  await expect.element(fault).not.toBeInTheDocument();
});

test("what is learnt follows the mask", async () => {
  await openWithData();
  await enter("Template and mask");
  // The first answer is 20 tokens and its end; with "everything", all but the first token is learnt.
  await expect.element(preview.getByTestId("row-numbers")).toHaveTextContent("52 tokens21 supervised (40 %)");
  await region("Template and mask").getByLabelText("Loss mask").selectOptions("everything");
  await expect.element(preview.getByTestId("row-numbers")).toHaveTextContent("52 tokens51 supervised (98 %)");
});

test("few rows are checked unasked; a finding's rows are shown, excluded, and put back", async () => {
  const hone = await openWithData();
  await enter("Data");
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("All checks passed");
  const duplicates = "8 rows repeat another row word for word";
  // One such row is in training and another in validation, so it is shown in a finding of leakage too.
  await report.getByRole("button", { name: "Show row 92 in the preview" }).click();
  await expect.element(preview.getByTestId("row-title")).toHaveTextContent("Row 92 of 300");
  await enter("Data");
  await report.getByRole("button", { name: `Exclude these 8 rows: ${duplicates}` }).click();
  expect(hone.store.getState().data.chosen[0]?.excluded).toEqual([11, 51, 91, 131, 171, 211, 251, 291]);
  // Checked again by itself: what is out is no finding any more.
  await expect.element(report.getByText(duplicates, { exact: true })).not.toBeInTheDocument();
  await expect.element(report.getByText("276", { exact: true }).first()).toBeVisible();
  await report.getByRole("button", { name: `Undo: ${duplicates}` }).click();
  expect(hone.store.getState().data.chosen[0]?.excluded).toEqual([]);
  await expect.element(report.getByText(duplicates).first()).toBeVisible();
});

test("a report of before is marked as such, and many rows wait to be asked for", async () => {
  let held = true;
  const hone = await openWithData(
    { data: ({ inspect }) => ({ inspect: (spec, signal) => (held ? untilCancelled(signal) : inspect(spec, signal)) }) },
    [],
  );
  await hone.data.open([new File([jsonLines(faultyRows(6000))], "many.jsonl")]);
  await enter("Data");
  const check = report.getByRole("button", { name: "Check all rows" });
  await expect.element(check).toBeEnabled();
  await enter("Template and mask");
  await expect.element(preview.getByRole("checkbox", { name: "Rows with problems only" })).toBeDisabled();
  await enter("Data");
  await check.click();
  await report.getByRole("button", { name: "Cancel" }).click();
  await expect.element(check).toBeEnabled();
  expect(hone.store.getState().report).toMatchObject({ report: null, failure: null });
  held = false;
  await check.click();
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("All checks passed");
  hone.recipe.enter("mask", "last");
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("Out of date");
});

test("while a check fails Start is closed with the way out; a report that is out of date closes nothing", async () => {
  const hone = await openWithData();
  hone.recipe.enter("template", "custom");
  hone.recipe.enter("customTemplate", withoutBos);
  await enter("Train");
  const start = page.getByRole("button", { name: "Start training" });
  // Checked unasked, on whichever screen.
  await expect.element(start).toBeDisabled();
  await expect
    .element(start)
    .toHaveAccessibleDescription(
      /^Start is blocked: Row 1: it begins with 0 tokens "<s>".*correct the number of BOS tokens/,
    );
  await page.getByRole("link", { name: "See the checks" }).click();
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("1 check failed");
  await expect.element(report.getByRole("img", { name: "Failed" })).toBeVisible();
  await enter("Train");
  hone.recipe.enter("mask", "last");
  await expect.element(start).toBeEnabled();
});

test("a model with a short context lowers the longest row and says so", async () => {
  await openWithData({}, undefined, kept().shortModel);
  await enter("Template and mask");
  const template = region("Template and mask");
  await expect.element(template.getByLabelText("Maximum length")).toHaveValue("128");
  await expect.element(template.getByText(/128 tokens instead of the usual 512/)).toBeVisible();
  await expect.element(template.getByRole("option", { name: "The model's own" })).toBeDisabled();
  await userEvent.fill(template.getByLabelText("Maximum length"), "200");
  await expect.element(template.getByText("This model's context ends at 128 tokens. Set at most 128.")).toBeVisible();
});

test("options of a source: special tokens, and tools that must be a JSON list; typed text stays", async () => {
  const hone = await openWithData();
  await enter("Data");
  const options = () => hone.store.getState().data.chosen[0]?.options;
  const toggle = data.getByRole("button", { name: "Options of colours.jsonl" });
  await toggle.click();
  await data.getByRole("checkbox", { name: /^Content holds special tokens/ }).click();
  const tools = data.getByRole("textbox", { name: "Tools" });
  await tools.fill('[{"name": "w", "n": 12.0}');
  await expect.element(data.getByText(/^This text is not JSON: /)).toBeVisible();
  expect(options()).toEqual({ specialTokens: true });
  await toggle.click();
  await expect.element(tools).not.toBeInTheDocument();
  await toggle.click();
  await expect.element(tools).toHaveValue('[{"name": "w", "n": 12.0}');
  await tools.fill('{"name": "w"}');
  await expect.element(data.getByText("This text is not a list.")).toBeVisible();
  await tools.fill('[{"name": "w", "n": 12.0}]');
  expect(options()).toEqual({ specialTokens: true, tools: '[{"name": "w", "n": 12.0}]' });
  expect(await faults()).toEqual([]);
  await tools.fill("");
  await data.getByRole("checkbox", { name: /^Content holds special tokens/ }).click();
  expect(options()).toBeUndefined();
});

test("the rows of a source are saved as JSON Lines, with edits and without excluded rows", async () => {
  const hone = await openWithData();
  await enter("Data");
  const { hash } = kept().source;
  await hone.edits.save(hash, 0, '{"instruction":"Q","output":"A","n":12.0}');
  hone.data.exclude("one", { sources: [0], rows: [1] });
  const files: [string, Blob][] = [];
  let last = new Blob();
  vi.spyOn(URL, "createObjectURL").mockImplementation((content) => {
    if (content instanceof Blob) last = content;
    return "blob:none";
  });
  vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
    files.push([this.download, last]);
  });
  await expect.element(data.getByText("You edited 1 row:")).toBeVisible();
  await data.getByRole("button", { name: "Save rows as JSON Lines: colours.jsonl" }).click();
  await expect.element(data.getByText("1 edit included, 1 excluded row left out.", { exact: false })).toBeVisible();
  await data.getByRole("button", { name: "Save the rows of colours.jsonl as they are" }).click();
  await expect.element(data.getByText("299 lines in colours.saved.jsonl.")).toBeVisible();
  await data.getByRole("button", { name: "Save the rows of colours.jsonl as messages" }).click();
  // Rows 7 of every 40 have no answer.
  await expect.element(data.getByText(/^291 lines in colours\.messages\.jsonl\. 8 rows could not/)).toBeVisible();
  expect(files.map(([name]) => name)).toEqual(["colours.saved.jsonl", "colours.messages.jsonl"]);
  const lines = await Promise.all(files.map(async ([, content]) => (await content.text()).split("\n")));
  expect(lines.map(([first]) => first)).toEqual([
    '{"instruction":"Q","output":"A","n":12.0}',
    '{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}]}',
  ]);
  expect(lines.map(({ length }) => length)).toEqual([300, 292]);
  expect(await faults()).toEqual([]);
  await data.getByRole("button", { name: "Undo all edits of colours.jsonl" }).click();
  await expect.element(data.getByText("You edited 1 row:")).not.toBeInTheDocument();
});

test("saving rows can be cancelled", async () => {
  await openWithData({ data: () => ({ writeRows: (_source, _form, signal) => untilCancelled(signal) }) });
  await enter("Data");
  await data.getByRole("button", { name: "Save rows as JSON Lines: colours.jsonl" }).click();
  await data.getByRole("button", { name: "Save the rows of colours.jsonl as they are" }).click();
  await data.getByRole("button", { name: "Cancel" }).click();
  await expect.element(data.getByRole("button", { name: "Save the rows of colours.jsonl as they are" })).toBeVisible();
  await expect.element(data.getByRole("alert")).not.toBeInTheDocument();
});

/** Faults of the screen as it stands. */
async function faults(): Promise<string[]> {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
  );
}

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  const hone = await openWithData({}, [kept().source, kept().chats]);
  hone.recipe.enter("template", "custom");
  hone.recipe.enter("customTemplate", withoutBos);
  expect(document.documentElement.dataset.mantineColorScheme).toBe(scheme);
  await enter("Data");
  await expect.element(report.getByTestId("report-state")).toHaveTextContent("1 check failed");
  await data.getByRole("button", { name: "Samples" }).click();
  await data.getByRole("button", { name: "Change the columns of colours.jsonl" }).click();
  expect(await faults()).toEqual([]);
  await enter("Template and mask");
  hone.recipe.enter("customTemplate", "{{ open");
  await expect.element(page.getByTestId("template-error")).toBeVisible();
  expect(await faults()).toEqual([]);
  hone.recipe.enter("template", "hone");
  hone.data.exclude("by hand", { sources: [0], rows: [1] });
  await preview.getByRole("option", { name: /^token 32: 'R'/ }).hover();
  expect(await faults()).toEqual([]);
  for (const screen of ["Machine", "Glossary"] as const) {
    await enter(screen);
    expect(await faults()).toEqual([]);
  }
});
