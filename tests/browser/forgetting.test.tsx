/** Settings against forgetting, the meter and the guard on the real services. Oracle: the engine's own figures. */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import { generalOf } from "../../src/run/heldOut.ts";
import { figure } from "../../src/ui/format.ts";
import { colourRows, keepBasics, keepRows } from "../support/kept.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";

/** Letters that the task does not have, so that its training makes them less likely. */
const prose = Array.from({ length: 12 }, (_, i) => ({ text: `QUXZ JVWK QUXZ JVWK ${i}` }));
const kept = eachOnAPage(async (here) => {
  const basics = await keepBasics(here, { rows: colourRows(40) });
  return { ...basics, prose: await keepRows(here, prose, "prose.jsonl") };
});

const start = page.getByRole("button", { name: "Start training" });
const text = page.getByRole("combobox", { name: "General text" });
const meter = page.getByTestId("meter");
const stopped = page.getByTestId("guard-stop");
const share = page.getByRole("textbox", { name: /^Share of general text/ });

async function open() {
  const { model, source } = kept();
  const hone = await openStudio({ model, sources: [source] });
  await enter("Train");
  return hone;
}

async function axeClean() {
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  expect(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])).toEqual([]);
}

test("general text brings its settings; without it they are gone", async () => {
  const hone = await open();
  expect(share.query()).toBeNull();
  await text.selectOptions("prose.jsonl");
  await expect.element(share).toBeVisible();
  await axeClean();
  const chosen = () => hone.store.getState().data.chosen.map(({ hash, general }) => [hash, general ?? false]);
  expect(chosen()).toEqual([
    [kept().source.hash, false],
    [kept().prose.hash, true],
  ]);
  await enter("Data");
  await expect.element(page.getByText(/^General text: half of it is measured/)).toBeVisible();
  await enter("Train");
  await text.selectOptions("None");
  expect(share.query()).toBeNull();
  expect(chosen()).toEqual([[kept().source.hash, false]]);
});

test("the model writes texts, which are stored as a dataset", async () => {
  const hone = await open();
  await page.getByRole("button", { name: "Let the model write it" }).click();
  const seed = page.getByRole("textbox", { name: "Seed", exact: true }).first();
  await page.getByRole("textbox", { name: "Texts" }).fill("1");
  await expect.element(page.getByRole("button", { name: "Write", exact: true })).toBeDisabled();
  await page.getByRole("textbox", { name: "Texts" }).fill("8");
  await seed.fill("5");
  await page.getByRole("button", { name: "Write", exact: true }).click();
  await expect.element(text).toHaveTextContent(/Text by tiny, seed 5\.jsonl/);
  const general = hone.store.getState().data.chosen.find((source) => source.general);
  expect(hone.store.getState().data.list.find(({ hash }) => hash === general?.hash)).toMatchObject({
    name: "Text by tiny, seed 5.jsonl",
    stored: true,
  });
});

test("an exam during training needs an exam", async () => {
  const hone = await open();
  hone.recipe.enter("exam", "2");
  await expect.element(page.getByText(/^No exam is open\./)).toBeVisible();
  await expect.element(start).toBeDisabled();
  const row = { instruction: "What colour is number 3?", output: "Red." };
  await hone.exam.open([new File([JSON.stringify(row)], "exam.jsonl")]);
  await expect.element(start).toBeEnabled();
});

test("the guard pauses; the meter shows all sets, and Resume goes on", { timeout: 120_000 }, async () => {
  const hone = await open();
  hone.recipe.method("full");
  await text.selectOptions("prose.jsonl");
  for (const [field, value] of [
    ["steps", "12"],
    ["accumulation", "1"],
    ["learningRate", "0.02"],
    ["evaluateEvery", "4"],
    ["allowedRise", "0.001"],
  ] as const)
    hone.recipe.enter(field, value);
  await start.click();
  await expect.element(stopped, { timeout: 60_000 }).toHaveTextContent(/the loss on prose\.jsonl rose from/);
  await axeClean();
  const [run] = hone.store.getState().runs.list;
  if (!run) throw new Error("There is no run.");
  expect([run.status, run.step, run.recipe.forgetting?.sources]).toEqual(["paused", 8, [1]]);
  const { evaluations } = hone.series.of(run.id);
  const losses = evaluations.map(({ sets }) => sets[generalOf(1).name] ?? Number.NaN);
  await expect
    .element(meter)
    .toHaveTextContent(`General text: prose.jsonl${figure(losses[0] ?? 0)}${figure(losses.at(-1) ?? 0)}`);
  await page.getByRole("button", { name: "Resume" }).click();
  await vi.waitFor(() => expect(hone.store.getState().runs.list[0]?.step).toBeGreaterThan(run.step), {
    timeout: 60_000,
  });
});
