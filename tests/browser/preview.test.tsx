/** The preview in Chromium on the real services: linking, keyboard, many rows, long rows. Oracle: rows made by number, a token a byte. */

import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
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

const kept = eachOnAPage(async (here) => ({
  ...(await keepBasics(here, { rows: faultyRows(300) })),
  trees: await keepRows(here, trees, "trees.jsonl"),
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
