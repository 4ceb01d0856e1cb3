/** The preview in Chromium on the real services: linking, keyboard, many rows, long rows. Oracle: rows made by number, a token a byte. */

import axe from "axe-core";
import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import type { PreviewExample } from "../../src/protocol/datasets.ts";
import { keepBasics, keepRows } from "../support/kept.ts";
import { faultyRows } from "../support/rows.ts";
import { refuse, type Stubs } from "../support/services.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";

/** A question with two answers, one of which goes on; and one with one answer. */
const trees = [
  {
    prompt: {
      text: "Why?",
      role: "prompter",
      replies: [
        {
          text: "Because.",
          role: "assistant",
          replies: [
            { text: "And then?", role: "prompter", replies: [{ text: "Nothing.", role: "assistant", replies: [] }] },
          ],
        },
        { text: "Who knows.", role: "assistant", replies: [] },
      ],
    },
  },
  { prompt: { text: "Who?", role: "prompter", replies: [{ text: "I.", role: "assistant", replies: [] }] } },
];

const chat = {
  messages: [
    { role: "user", content: "Hi" },
    { role: "assistant", content: "Hello", reasoning_content: "A greeting." },
  ],
  id: 7,
};

const kept = eachOnAPage(async (here) => ({
  ...(await keepBasics(here, { rows: faultyRows(300) })),
  trees: await keepRows(here, trees, "trees.jsonl"),
  chats: await keepRows(here, [chat], "chats.jsonl"),
}));

async function open(stubs: Stubs = {}, source = kept().source) {
  const hone = await openStudio({ model: kept().model, sources: [source] }, stubs);
  await enter("Template and mask");
  return hone;
}

const preview = page.getByRole("region", { name: "Preview", exact: true });
const detail = preview.getByTestId("link-detail");
const title = preview.getByTestId("row-title");
const token = (name: RegExp) => preview.getByRole("option", { name });
const linked = (kind: "message" | "span" | "token") =>
  [...document.querySelectorAll<HTMLElement>(`[data-${kind}][data-linked]`)].map((element) => element.dataset[kind]);

test("a token lights its text and its message; a message lights its text and tokens", async () => {
  await open();
  // Row 1: <s><|user|>Name three primary colours.<|end|>↵<|assistant|>Red, blue and yellow.<|end|>, in which " t" is one token.
  await token(/^token 32: 'R'/).hover();
  await expect.element(detail).toHaveTextContent(/^token 32: 'R', id 82, assistant, weight 1, characters 59 to 60$/);
  expect(linked("message")).toEqual(["1"]);
  expect(linked("span")).toEqual(["5"]);
  expect(linked("token")).toEqual(["31"]);
  expect([...document.querySelectorAll("mark")].map(({ textContent }) => textContent)).toEqual(["R", "R"]);

  // The pointer goes away first: scrolling under it would count as pointing.
  await page.getByRole("heading", { level: 1 }).hover();
  const message = preview.getByRole("button", { name: /^User context, message 1/ });
  (message.element() as HTMLElement).focus();
  await expect.element(detail).toHaveTextContent(/^message 1: 28 tokens with template marks, context$/);
  // The first stretch, up to its words, begins with BOS and so is no message's.
  expect(linked("span")).toEqual(["1", "2", "3"]);
  expect(linked("token")).toHaveLength(28);

  await preview.getByRole("option", { name: /^span 6: Assistant, supervised/ }).hover();
  await expect.element(detail).toHaveTextContent(/^span 6: assistant, 20 tokens, supervised/);
  expect(linked("message")).toEqual(["1"]);
});

test("by keyboard through the tokens: one stop, arrows move, the focus links as the pointer does", async () => {
  await open();
  await expect.element(token(/^token 1:/)).toBeVisible();
  const stops = () => [...document.querySelectorAll("[data-token][tabindex='0']")].length;
  expect(stops()).toBe(1);
  await token(/^token 1:/)
    .element()
    .focus();
  await userEvent.keyboard("{ArrowRight}{ArrowRight}");
  await expect.element(token(/^token 3: 'N'/)).toHaveFocus();
  await expect.element(detail).toHaveTextContent(/^token 3: 'N', id 78, user, weight 0/);
  await userEvent.keyboard("{End}");
  await expect.element(token(/^token 52:/)).toHaveFocus();
  await userEvent.keyboard("{ArrowUp}");
  expect(document.activeElement?.getBoundingClientRect().top).toBeLessThan(
    token(/^token 52:/)
      .element()
      .getBoundingClientRect().top,
  );
  await userEvent.keyboard("{Home}");
  await expect.element(token(/^token 1:/)).toHaveFocus();
  expect(stops()).toBe(1);
});

test("100,000 rows: few are in the page, the list goes to any of them, by number and by keyboard", async () => {
  const hone = await open();
  const rows = Array.from({ length: 100_000 }, (_, i) => `{"instruction":"Question ${i}?","output":"Answer ${i}."}`);
  await hone.data.open([new File([rows.join("\n")], "many.jsonl")]);
  hone.data.choose(kept().source.hash, false);
  await expect.element(title).toHaveTextContent("Row 1 of 100,000");
  await preview.getByRole("textbox", { name: "Go to row" }).fill("73042");
  await preview.getByRole("button", { name: "Go", exact: true }).click();
  await expect.element(title).toHaveTextContent("Row 73,042 of 100,000 · line 73,042");
  const list = preview.getByRole("listbox", { name: "Rows" });
  await expect.element(list.getByRole("option", { selected: true })).toHaveTextContent("Question 73041?");
  expect(list.element().querySelectorAll("[role=option]").length).toBeLessThan(200);
  expect(document.querySelectorAll("[data-row]").length).toBeGreaterThan(5);
  (list.element() as HTMLElement).focus();
  await userEvent.keyboard("{ArrowDown}");
  await expect.element(title).toHaveTextContent("Row 73,043 of 100,000");
  await userEvent.keyboard("{End}");
  await expect.element(title).toHaveTextContent("Row 100,000 of 100,000");
  await expect.element(list.getByRole("option", { selected: true })).toHaveTextContent("Question 99999?");
  await expect.element(preview.getByRole("button", { name: "Next" })).toBeDisabled();
  await preview.getByRole("textbox", { name: "Go to row" }).fill("100001");
  await preview.getByRole("button", { name: "Go", exact: true }).click();
  await expect.element(preview.getByText("Enter a number from 1 to 100,000.")).toBeVisible();
});

test("rows with problems only: the list, next and previous leave out the others", async () => {
  await open();
  const only = preview.getByRole("checkbox", { name: "Rows with problems only" });
  await expect.element(only).toBeEnabled();
  await only.click();
  // Left out: 3 and 7 of every 40; warned of: 11 of every 40. From 0; the screen counts from 1.
  const rows = () =>
    [...document.querySelectorAll<HTMLElement>("[data-row]")].map(({ dataset }) => Number(dataset.row));
  await expect.poll(() => rows().slice(0, 6)).toEqual([3, 7, 11, 43, 47, 51]);
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(title).toHaveTextContent("Row 4 of 300");
  await expect.element(preview.getByText(/^Left out: 991 tokens exceed the limit of 512/)).toBeVisible();
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(title).toHaveTextContent("Row 8 of 300");
  await expect.element(preview.getByTestId("row-problem")).toHaveTextContent("output is empty");
  await preview.getByRole("button", { name: "Previous" }).click();
  await expect.element(title).toHaveTextContent("Row 4 of 300");
});

test("a long row: only the tokens in sight are in the page, and the keyboard reaches the last", async () => {
  const hone = await open();
  hone.recipe.enter("truncation", "right");
  hone.preview.show(kept().source.hash, 3);
  await expect
    .element(preview.getByTestId("row-numbers"))
    .toHaveTextContent(/^991 tokens.*479 tokens cut.*supervised tokens lost/);
  const inPage = () => document.querySelectorAll("[data-token]").length;
  expect(inPage()).toBeLessThan(1000);
  await token(/^token 1:/)
    .element()
    .focus();
  await userEvent.keyboard("{End}");
  await expect.element(token(/^token 991: .*truncated$/)).toHaveFocus();
  expect(inPage()).toBeLessThan(1000);
  await preview.getByRole("button", { name: /^User .*message 1/ }).click();
  await expect.element(token(/^token 2:/)).toBeVisible();
});

test("one row is excluded and included; a failed row says why", async () => {
  const hone = await open();
  await preview.getByRole("button", { name: "Exclude this row" }).click();
  await expect.element(preview.getByText("You excluded this row: it is not used for training.")).toBeVisible();
  await expect
    .element(preview.getByRole("listbox", { name: "Rows" }).getByRole("option", { selected: true }))
    .toHaveTextContent("excluded");
  await preview.getByRole("button", { name: "Include this row" }).click();
  expect(hone.store.getState().data.chosen[0]?.excluded).toEqual([]);
});

test("a worker that fails is told where it failed, and the page goes on", async () => {
  await open({ data: () => ({ row: refuse("Row 1 cannot be read again."), heads: refuse("The list is gone.") }) });
  await expect.element(preview.getByText("Row 1 cannot be read again.")).toBeVisible();
  await expect.element(preview.getByText("The list is gone.")).toBeVisible();
  await enter("Train");
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});

test("threads of one row are chosen one by one", async () => {
  await open({}, kept().trees);
  const thread = preview.getByRole("combobox", { name: "Thread" });
  await thread.selectOptions("1");
  await expect.element(thread).toHaveTextContent("2: 2 messages");
  expect(document.querySelectorAll("[data-message]")).toHaveLength(2);
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(thread).not.toBeInTheDocument();
});

test("a row is edited in place: its tokens change, its mark shows, undo brings the file's row back", async () => {
  const hone = await open();
  const numbers = preview.getByTestId("row-numbers");
  await expect.element(numbers).toHaveTextContent(/^52 tokens/);
  await preview.getByRole("button", { name: "Edit row" }).click();
  const editor = preview.getByRole("region", { name: "Edit of row 1" });
  await expect.element(editor.getByRole("textbox").first()).toHaveFocus();
  const save = editor.getByRole("button", { name: "Save row" });
  await expect.element(save).toBeDisabled();
  await editor.getByRole("textbox", { name: "Response (output)" }).fill("Red.");
  expect((await axe.run(document, { resultTypes: ["violations"] })).violations).toEqual([]);

  // Another row, and back: the draft is as it was left.
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(editor).not.toBeInTheDocument();
  await preview.getByRole("button", { name: "Previous" }).click();
  await expect.element(editor.getByRole("textbox", { name: "Response (output)" })).toHaveValue("Red.");
  await editor.getByRole("textbox", { name: "Response (output)" }).click();
  await userEvent.keyboard("{Control>}{Enter}{/Control}");

  // 4 tokens, "Red.", instead of the 20 of "Red, blue and yellow.".
  await expect.element(numbers).toHaveTextContent(/^36 tokens/);
  await expect.element(title).toHaveTextContent("edited");
  const listed = preview.getByRole("listbox", { name: "Rows" }).getByRole("option", { selected: true });
  await expect.element(listed).toHaveTextContent("edited36 tokens");
  await expect.element(preview.getByRole("button", { name: "Edit row" })).toHaveFocus();
  expect((await axe.run(document, { resultTypes: ["violations"] })).violations).toEqual([]);
  expect(hone.store.getState().data.chosen[0]?.edits).toHaveLength(1);

  await userEvent.keyboard("{Control>}z{/Control}");
  await expect.element(numbers).toHaveTextContent(/^52 tokens/);
  await expect.element(title).not.toHaveTextContent("edited");
  await preview.getByRole("button", { name: "Redo" }).click();
  await expect.element(numbers).toHaveTextContent(/^36 tokens/);
  await preview.getByRole("button", { name: "Undo edit of row 1" }).click();
  await expect.element(numbers).toHaveTextContent(/^52 tokens/);
});

test("a whole row as JSON: the fault is named while typing, nothing is lost, and saving waits for JSON", async () => {
  await open();
  await preview.getByRole("button", { name: "Edit row" }).click();
  const editor = preview.getByRole("region", { name: "Edit of row 1" });
  await editor.getByRole("button", { name: "Whole row (JSON)" }).click();
  const row = editor.getByRole("textbox", { name: "Row" });
  await row.fill('{"instruction": "Why?", "output" 12.0}');
  await expect.element(editor.getByText(/^This text is not JSON: .*character 34/)).toBeVisible();
  await expect.element(editor.getByRole("button", { name: "Save row" })).toBeDisabled();
  await expect.element(editor.getByRole("button", { name: "Fields" })).toBeDisabled();
  expect((await axe.run(document, { resultTypes: ["violations"] })).violations).toEqual([]);
  await preview.getByRole("button", { name: "Next" }).click();
  await preview.getByRole("button", { name: "Previous" }).click();
  await expect.element(row).toHaveValue('{"instruction": "Why?", "output" 12.0}');
  await editor.getByRole("button", { name: "Cancel" }).click();
  await editor.getByRole("button", { name: "Back" }).click();
  await row.fill('{"instruction": "Why?", "output": "", "n": 12.0}');
  await editor.getByRole("button", { name: "Save row" }).click();
  await expect.element(preview.getByTestId("row-problem")).toHaveTextContent("output is empty");
  await preview.getByText("Raw row").click();
  await expect.element(preview.getByRole("region", { name: "Raw row" })).toHaveTextContent(/"n": 12.0/);
});

test("messages are edited, added, moved and removed; a field of JSON says what is wrong", async () => {
  const hone = await open({}, kept().chats);
  await expect.element(title).toHaveTextContent("Row 1 of 1");
  await preview.getByRole("button", { name: "Edit row" }).click();
  const editor = preview.getByRole("region", { name: "Edit of row 1" });
  await editor.getByRole("textbox", { name: "Reasoning (reasoning_content) of message 2" }).fill("Be polite.");
  await editor.getByRole("combobox", { name: "Role of message 1" }).selectOptions("system");
  await editor.getByRole("button", { name: "Add message" }).click();
  await editor.getByRole("textbox", { name: "Text of message 3" }).fill("Who?");
  await editor.getByRole("button", { name: "Move message 3 up" }).click();
  await editor.getByText("1 other column").click();
  const id = editor.getByRole("textbox", { name: "id" });
  await id.fill("7.");
  await expect.element(editor.getByText(/^This text is not JSON/)).toBeVisible();
  await expect.element(editor.getByText("Correct the JSON of id first.")).toBeVisible();
  await expect.element(editor.getByRole("button", { name: "Remove message 1" })).toBeDisabled();
  await id.fill("7.50");
  expect((await axe.run(document, { resultTypes: ["violations"] })).violations).toEqual([]);
  await editor.getByRole("button", { name: "Save row" }).click();
  await expect.element(title).toHaveTextContent("edited");
  expect(hone.store.getState().data.chosen[0]?.edits?.[0]?.value).toBe(
    '{"messages":[{"role":"system","content":"Hi"},{"role":"user","content":"Who?"},' +
      `{"role":"assistant","content":"Hello","reasoning_content":"Be polite."}],"id":7.50}`,
  );
});

test("what a message carries is shown as structure, in both colour schemes", async () => {
  const none = { structured: null, reasoning: null, toolCalls: [], tool: null, fields: [], dropped: [] };
  const example: PreviewExample = {
    messages: [
      { ...none, role: "user", content: "Is it cold?", weight: 0, fields: [["name", '"Ann"']] },
      {
        ...none,
        role: "assistant",
        content: "",
        weight: 1,
        reasoning: { key: "reasoning_content", text: "The tool knows." },
        toolCalls: [{ name: "get_weather", id: "call_1", arguments: '{\n  "days": 12.0\n}' }],
        dropped: ["reasoning_content"],
      },
      { ...none, role: "tool", content: "", weight: 0, structured: "[\n  4\n]", tool: "get_weather" },
      { ...none, role: "assistant", content: "Yes.", weight: 1, dropped: ["content"] },
    ],
    tools: [{ name: "get_weather", text: '{\n  "name": "get_weather"\n}' }],
    turn: { nth: 1, of: 2 },
    text: "",
    spans: [],
    tokens: [],
    proof: "structure",
    supervised: 0,
    lost: 0,
    problem: null,
  };
  const row = { source: 0, row: 0, line: 1, value: "{}", edited: false, problem: null };
  const examples = [example, { ...example, turn: { nth: 2, of: 2 }, messages: example.messages.slice(0, 1) }];
  await open({ data: () => ({ row: async () => ({ ...row, examples }) }) });
  const pane = preview.getByRole("region", { name: "Source", exact: true });
  await expect.element(pane.getByText("1 tool get_weather")).toBeVisible();
  await expect.element(pane.getByText("Reasoningreasoning_contentThe template drops this")).toBeVisible();
  await expect.element(pane.getByText("The tool knows.")).toBeVisible();
  await expect.element(pane.getByText("Tool callget_weatherid call_1")).toBeVisible();
  await expect.element(pane.getByText('"days": 12.0')).toBeVisible();
  await expect.element(pane.getByText("result of get_weather")).toBeVisible();
  await expect.element(pane.getByText("nameAnn")).toBeVisible();
  expect(document.querySelectorAll("[data-message='3'] [class*=dropped]")).toHaveLength(1);
  for (const scheme of ["dark", "light"]) {
    await page.getByRole("combobox", { name: "Colours" }).selectOptions(scheme);
    expect((await axe.run(document, { resultTypes: ["violations"] })).violations).toEqual([]);
  }
  const answer = preview.getByRole("combobox", { name: "Answer" });
  await expect.element(answer).toHaveTextContent("Answer 1 of 2, with the turns before it");
  await answer.selectOptions("1");
  expect(document.querySelectorAll("[data-message]")).toHaveLength(1);
});
