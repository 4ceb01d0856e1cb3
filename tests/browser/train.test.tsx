/** The Train screen on the real services: budget, what is watched, saving in between, the end. Oracle: what the engine measured. */

import axe from "axe-core";
import { afterEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { bytes, share } from "../../src/ui/format.ts";
import { followRuns } from "../../src/ui/train/attention.ts";
import { colourRows, keepBasics, keepRun } from "../support/kept.ts";
import { refuse, type Stubs, untilCancelled } from "../support/services.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";

const kept = eachOnAPage(async (here) => {
  const basics = await keepBasics(here, { rows: colourRows(60) });
  return { ...basics, run: await keepRun(here, basics) };
});

const budget = page.getByTestId("budget");
const start = page.getByRole("button", { name: "Start training" });
const strip = page.getByRole("listbox", { name: "Answers, newest first" });
const map = page.getByRole("listbox", { name: "Loss of each token" });
const told = page.getByTestId("token-told");
const bar = page.getByRole("progressbar", { name: "Training progress" });

async function open(stubs: Stubs = {}) {
  const { model, source } = kept();
  const hone = await openStudio({ model, sources: [source] }, stubs);
  await enter("Train");
  return hone;
}

/** A run of so many steps. */
async function trained(steps: number) {
  const hone = await open();
  hone.recipe.enter("steps", String(steps));
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  return hone;
}

/** What an attribute of an element was, one value after the other, and how high the element was then. */
function follow(element: Element, attribute: string) {
  const seen: { readonly value: string | null; readonly height: number; readonly text: string }[] = [];
  const look = () =>
    seen.push({
      value: element.getAttribute(attribute),
      height: element.getBoundingClientRect().height,
      text: element.textContent ?? "",
    });
  new MutationObserver(look).observe(element, { attributeFilter: [attribute] });
  look();
  return seen;
}

test("a small model is tried by itself; another setting makes the budget stale, in its place, and it is tried anew", async () => {
  const hone = await open();
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  // 54 of 60 rows, 16 to a step, three times.
  await expect.element(budget).toHaveTextContent("Steps12");
  await expect.element(budget).toHaveTextContent(/\d ms a step/);
  await expect.element(page.getByTestId("start-note")).toHaveTextContent("12 steps of up to 16 rows.");

  const seen = follow(budget.element(), "data-state");
  hone.recipe.enter("steps", "40");
  await expect.element(budget).toHaveTextContent("Steps40");
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  expect(seen.map(({ value }) => value)).toEqual(["measured", "stale", "measuring", "measured"]);
  expect(new Set(seen.map(({ height }) => height)).size).toBe(1);
  // The figures of before stay until there are others.
  expect(seen[1]?.text).toMatch(/Steps12.*Figures of the previous settings/);

  // A rate needs no other budget.
  hone.recipe.enter("learningRate", "1e-4");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  expect(seen).toHaveLength(4);
});

test("after a run the budget says what it took at the most, and how far off the prediction was", async () => {
  await trained(10);
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  await expect.element(budget).toHaveTextContent(/measured \((as predicted|predicted \d+ % (more|less))\)/);
  await expect.element(page.getByText("Peak memory")).toBeVisible();
});

test("a large model is tried when it is asked for, and the trial can be cancelled", async () => {
  await open({
    engine: ({ listModels }) => ({
      listModels: async () => (await listModels()).map((model) => ({ ...model, parameters: 135e6 })),
      budget: (_request, signal) => untilCancelled(signal),
    }),
  });
  await expect.element(budget).toHaveTextContent("Measuring a model of 135.0 M parameters takes a while");
  await budget.getByRole("button", { name: "Measure" }).click();
  await expect.element(budget).toHaveAttribute("data-state", "measuring");
  await budget.getByRole("button", { name: "Cancel" }).click();
  await expect.element(budget).toHaveAttribute("data-state", "none");
  await expect.element(budget.getByRole("alert")).not.toBeInTheDocument();
});

test("what does not fit is not started, and the setting with which it would is named", async () => {
  vi.spyOn(navigator.storage, "estimate").mockResolvedValue({ usage: 0, quota: 2_000_000 });
  const hone = await open();
  hone.recipe.enter("steps", "200");
  hone.recipe.enter("checkpointEvery", "1");
  hone.recipe.enter("keepLast", "200");
  await expect.element(budget.getByRole("alert")).toHaveTextContent(/set stored checkpoints to \d+\./);
  await expect.element(start).toBeDisabled();
  await expect.element(page.getByTestId("start-note")).toHaveTextContent(/set stored checkpoints to \d+\./);
  const [, fitting = ""] = /set stored checkpoints to (\d+)\./.exec(budget.element().textContent ?? "") ?? [];
  hone.recipe.enter("keepLast", fitting);
  await expect.element(start).toBeEnabled();
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  await expect.element(budget.getByRole("alert")).not.toBeInTheDocument();
});

test("a budget that cannot be measured says why, and does not keep from starting", async () => {
  await open({ engine: () => ({ budget: refuse("Tensor lm_head takes more than this device allows.") }) });
  await expect.element(budget.getByRole("alert")).toHaveTextContent("Tensor lm_head takes more");
  await expect.element(start).toBeEnabled();
});

test("answers are a strip, newest first, gone through by arrow keys; the tokens' losses follow", async () => {
  await open();
  const { tokens, moments } = kept().run.watch ?? { tokens: [], moments: [] };
  const cards = strip.getByRole("option");
  await expect.element(cards.first()).toHaveTextContent("Step 30Red.");
  expect(cards.elements().map((card) => card.getAttribute("data-step"))).toEqual(["30", "20", "10", "0"]);
  await expect.element(cards.last()).toHaveTextContent("Before trainingBlue.Answer of the base model.");
  await expect.element(cards.first()).toHaveAttribute("aria-selected", "true");

  // The first learnt token, "R": its losses as the engine measured them at each look.
  const at = tokens.findIndex(({ weight }) => weight > 0);
  expect(tokens[at]?.text).toBe("R");
  const [before = 0, ten = 0, , thirty = 0] = moments.map(({ losses }) => losses[0] ?? Number.NaN);
  const token = map.getByRole("option", { name: new RegExp(`^Token ${at + 1} 'R'`) });
  const figure = () => token.element().querySelector<HTMLElement>("[data-figure]")?.dataset.figure;
  await expect.poll(figure).toBe(thirty.toFixed(1));
  await page.getByRole("radio", { name: "Change" }).click();
  await expect.poll(figure).toBe(`−${(before - thirty).toFixed(1)}`);
  await token.hover();
  await expect.element(told).toHaveTextContent(/^Token \d+ 'R': loss .* before, .* now, .* better\.$/);
  await expect.element(told).toHaveTextContent(`${(before - thirty).toFixed(2)} better`);

  (cards.first().element() as HTMLElement).focus();
  await userEvent.keyboard("{ArrowRight}{ArrowRight}");
  await expect.element(strip.getByRole("option", { name: /^Step 10/ })).toHaveFocus();
  await expect.poll(figure).toBe(`−${(before - ten).toFixed(1)}`);
  await userEvent.keyboard("{End}");
  await expect.poll(figure).toBe("0");

  // The pointer goes away first: scrolling under it would count as pointing.
  await page.getByRole("heading", { level: 1 }).hover();
  // Into the map: the last token by keyboard, then one that is context.
  (map.getByRole("option").first().element() as HTMLElement).focus();
  await expect.element(told).toHaveTextContent(`Token 1 '${tokens[0]?.text}': context, not supervised.`);
  await userEvent.keyboard("{End}");
  await expect.element(told).toHaveTextContent(`Token ${tokens.length} '${tokens.at(-1)?.text}'`);
});

test("question and row can be chosen; a row that is no number is refused at its field", async () => {
  const { source } = kept();
  const hone = await open();
  await page.getByRole("button", { name: "More settings" }).click();
  const row = page.getByLabelText("Snapshot row");
  await row.fill("last");
  await start.click();
  await expect.element(row).toHaveFocus();
  await expect.element(row).toHaveAccessibleDescription(/"last" is not a row number/);
  await row.fill("8");
  await page.getByLabelText("Snapshot question").fill("Why?");
  hone.recipe.enter("steps", "5");
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  const watched = page.getByRole("region", { name: "Snapshots during training" });
  await expect.element(watched).toHaveTextContent("Question Why?");
  await expect.element(watched).toHaveTextContent(`Row 8 of ${source.name}`);
  hone.recipe.enter("watchEvery", "");
  await expect.element(row).toBeDisabled();
});

test("a checkpoint is saved while training, and the run goes on", async () => {
  const hone = await open();
  hone.recipe.enter("steps", "100000");
  hone.recipe.enter("checkpointEvery", "100000");
  hone.recipe.enter("evaluateEvery", "100000");
  hone.recipe.enter("watchEvery", "");
  await start.click();
  const note = page.getByTestId("checkpoint-note");
  await expect.element(bar).toHaveAttribute("data-status", "training");
  await expect.element(note).toHaveTextContent("No checkpoint yet");
  await page.getByRole("button", { name: "Save checkpoint" }).click();
  await expect.element(note).toHaveTextContent(/Last checkpoint: step \d+/);
  expect(bar.element().getAttribute("data-status")).toBe("training");
  await page.getByRole("button", { name: "Cancel run" }).click();
  await expect.element(bar).toHaveAttribute("data-status", "cancelled");
});

test("figures tell the share that is learnt, what was seen, and the memory", async () => {
  const hone = await trained(12);
  const { steps, memory } = hone.series.of(hone.store.getState().training.runId ?? "");
  const sum = (column: Float64Array) => column.reduce((total, value) => total + value, 0);
  const supervised = sum(steps.supervisedTokens) / sum(steps.tokens);
  const panel = page.getByRole("region", { name: "Training", exact: true });
  await expect.element(panel).toHaveTextContent(`Supervised share${share(supervised)}`);
  // 12 steps of 16 of 54 examples; an epoch's last step has the six that are left.
  await expect.element(panel).toHaveTextContent(/Examples seen1\d\d \(3\.\d epochs\)/);
  await expect.element(panel).toHaveTextContent(`Tensor memory${bytes(memory ?? 0)}`);
  expect(panel.element().querySelectorAll("canvas")).toHaveLength(3);
});

let stop: (() => void) | null = null;
afterEach(() => {
  stop?.();
  stop = null;
  vi.unstubAllGlobals();
});

test("the tab's title shows how far a run is and how it ended; a notification only if it was wanted, and unseen", async () => {
  const shown: string[] = [];
  const asked = vi.fn(async () => "granted");
  vi.stubGlobal(
    "Notification",
    class {
      static readonly permission = "granted";
      static readonly requestPermission = asked;
      onclick = null;
      constructor(title: string, { body }: { body: string }) {
        shown.push(`${title} (${body})`);
      }
      close() {}
    },
  );
  document.title = "Hone";
  const hone = await open();
  stop = followRuns(hone);
  hone.recipe.enter("steps", "20");
  const titles = new Set<string>();
  const observer = new MutationObserver((changes) => {
    for (const { addedNodes } of changes) for (const { textContent } of addedNodes) titles.add(textContent ?? "");
  });
  observer.observe(document.querySelector("title") as Node, { childList: true });
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  await vi.waitFor(() => expect(document.title).toBe("Finished · Hone"));
  observer.disconnect();
  expect([...titles]).toContain("50 % · Hone");
  expect([asked.mock.calls.length, shown]).toEqual([0, []]);

  await page.getByRole("switch", { name: "Notify me when the run ends" }).click();
  expect(asked).toHaveBeenCalledOnce();
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  await start.click();
  await vi.waitFor(() => expect(shown).toEqual([expect.stringMatching(/^Finished: .* \(Step 20, loss /)]), {
    timeout: 30_000,
  });
  hidden.mockRestore();
  document.dispatchEvent(new Event("visibilitychange"));
  expect(document.title).toBe("Hone");
});

test("a browser that allows no notifications is told of in place, and the switch stays off", async () => {
  vi.stubGlobal("Notification", { requestPermission: async () => "denied" });
  await open();
  const tell = page.getByRole("switch", { name: "Notify me when the run ends" });
  await tell.click();
  await expect.element(tell).toHaveAccessibleDescription(/blocks notifications/);
  await expect.element(tell).not.toBeChecked();
});

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  await open();
  await page.getByRole("button", { name: "More settings" }).click();
  await page.getByRole("radio", { name: "Change" }).click();
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  expect(document.documentElement.dataset.mantineColorScheme).toBe(scheme);
  const { violations } = await axe.run(document, { resultTypes: ["violations"] });
  expect(
    violations.flatMap(({ id, nodes }) =>
      nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)} ${failureSummary}`),
    ),
  ).toEqual([]);
});
