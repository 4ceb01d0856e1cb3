/** The preview in Chromium on fake data: linking, keyboard, many rows, long rows. Oracle: the fake's rows, known by number. */

import { expect, test } from "vitest";
import { page, userEvent } from "vitest/browser";
import { fakeChats, fakeSource } from "../support/fakeData.ts";
import type { FakeSettings } from "../support/fakeEngine.ts";
import { eachOnAnEmptyPage, enter, kept, openWithData } from "../support/fakeStudio.tsx";

eachOnAnEmptyPage();

async function open(settings: FakeSettings = kept) {
  const hone = await openWithData(settings);
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
  // Row 1: <|user|>Name three primary colours. (0)<|end|>↵<|assistant|>Red, blue and yellow.<|end|>↵
  await token(/^token 14: 'Red'/).hover();
  await expect.element(detail).toHaveTextContent(/^token 14: 'Red', id \d+, assistant, weight 1, characters 60 to 63$/);
  expect(linked("message")).toEqual(["1"]);
  expect(linked("span")).toEqual(["5"]);
  expect(linked("token")).toEqual(["13"]);
  expect([...document.querySelectorAll("mark")].map(({ textContent }) => textContent)).toEqual(["Red", "Red"]);

  const message = preview.getByRole("button", { name: /^User context, message 1/ });
  (message.element() as HTMLElement).focus();
  await expect.element(detail).toHaveTextContent(/^message 1: 12 tokens with its marks, context$/);
  expect(linked("span")).toEqual(["0", "1", "2", "3"]);
  expect(linked("token")).toHaveLength(12);

  await preview.getByRole("option", { name: /^stretch 6: Assistant, learnt/ }).hover();
  await expect.element(detail).toHaveTextContent(/^stretch 6: assistant, 6 tokens, learnt/);
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
  await expect.element(token(/^token 3: ' three'/)).toHaveFocus();
  await expect.element(detail).toHaveTextContent(/^token 3: ' three', id \d+, user, weight 0/);
  await userEvent.keyboard("{End}");
  await expect.element(token(/^token 21:/)).toHaveFocus();
  await userEvent.keyboard("{ArrowUp}");
  expect(document.activeElement?.getBoundingClientRect().top).toBeLessThan(
    token(/^token 21:/)
      .element()
      .getBoundingClientRect().top,
  );
  await userEvent.keyboard("{Home}");
  await expect.element(token(/^token 1:/)).toHaveFocus();
  expect(stops()).toBe(1);
});

test("100,000 rows: few are in the page, the list goes to any of them, by number and by keyboard", async () => {
  await open({ ...kept, sources: [{ ...fakeSource, rows: 100_000 }] });
  await expect.element(title).toHaveTextContent("Row 1 of 100,000");
  await preview.getByRole("textbox", { name: "Go to row" }).fill("73042");
  await preview.getByRole("button", { name: "Go", exact: true }).click();
  await expect.element(title).toHaveTextContent("Row 73,042 of 100,000 · line 365,207");
  const list = preview.getByRole("listbox", { name: "Rows" });
  // Row 73,042 is row 73,041 from 0, whose question carries its number.
  await expect.element(list.getByRole("option", { selected: true })).toHaveTextContent("(73041)");
  expect(list.element().querySelectorAll("[role=option]").length).toBeLessThan(200);
  expect(document.querySelectorAll("[data-row]").length).toBeGreaterThan(5);
  (list.element() as HTMLElement).focus();
  await userEvent.keyboard("{ArrowDown}");
  await expect.element(title).toHaveTextContent("Row 73,043 of 100,000");
  await userEvent.keyboard("{End}");
  await expect.element(title).toHaveTextContent("Row 100,000 of 100,000");
  await expect.element(list.getByRole("option", { selected: true })).toHaveTextContent("(99999)");
  await expect.element(preview.getByRole("button", { name: "Next" })).toBeDisabled();
  await preview.getByRole("textbox", { name: "Go to row" }).fill("100001");
  await preview.getByRole("button", { name: "Go", exact: true }).click();
  await expect.element(preview.getByText("A number from 1 to 100,000.")).toBeVisible();
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
  await expect.element(preview.getByText(/^Left out: 1223 tokens, 512 fit/)).toBeVisible();
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(title).toHaveTextContent("Row 8 of 300");
  await expect.element(preview.getByTestId("row-problem")).toHaveTextContent("output is empty");
  await preview.getByRole("button", { name: "Previous" }).click();
  await expect.element(title).toHaveTextContent("Row 4 of 300");
});

test("a long row: only the tokens in sight are in the page, and the keyboard reaches the last", async () => {
  const hone = await open();
  hone.recipe.enter("truncation", "right");
  hone.preview.look(fakeSource.hash, 3);
  await expect
    .element(preview.getByTestId("row-numbers"))
    .toHaveTextContent(/^1,223 tokens.*711 tokens cut.*learnt ones lost/);
  const inPage = () => document.querySelectorAll("[data-token]").length;
  expect(inPage()).toBeLessThan(1000);
  await token(/^token 1:/)
    .element()
    .focus();
  await userEvent.keyboard("{End}");
  await expect.element(token(/^token 1223: .*cut by the length limit$/)).toHaveFocus();
  expect(inPage()).toBeLessThan(1000);
  await preview.getByRole("button", { name: /^User .*message 1/ }).click();
  await expect.element(token(/^token 2:/)).toBeVisible();
});

test("one row is excluded and included; a failed row says why", async () => {
  const hone = await open();
  await preview.getByRole("button", { name: "Exclude this row" }).click();
  await expect.element(preview.getByText("You excluded this row: it is not trained on.")).toBeVisible();
  await expect
    .element(preview.getByRole("listbox", { name: "Rows" }).getByRole("option", { selected: true }))
    .toHaveTextContent("excluded");
  await preview.getByRole("button", { name: "Include this row" }).click();
  expect(hone.store.getState().data.chosen[0]?.excluded).toEqual([]);
});

test("a worker that fails is told where it failed, and the page goes on", async () => {
  await open({
    ...kept,
    dataFailing: { row: new Error("Row 1 cannot be read again."), heads: new Error("The list is gone.") },
  });
  await expect.element(preview.getByText("Row 1 cannot be read again.")).toBeVisible();
  await expect.element(preview.getByText("The list is gone.")).toBeVisible();
  await enter("Train");
  await expect.element(page.getByRole("button", { name: "Start training" })).toBeEnabled();
});

test("threads of one row are chosen one by one", async () => {
  const hone = await open({ ...kept, sources: [fakeChats] });
  hone.preview.look(fakeChats.hash, 4);
  const thread = preview.getByRole("combobox", { name: "Thread" });
  await thread.selectOptions("1");
  await expect.element(thread).toHaveTextContent("2: 3 messages");
  expect(document.querySelectorAll("[data-message]")).toHaveLength(3);
  await preview.getByRole("button", { name: "Next" }).click();
  await expect.element(thread).not.toBeInTheDocument();
});
