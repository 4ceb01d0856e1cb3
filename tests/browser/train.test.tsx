/** The Train screen on a fake engine: budget, what is watched, saving in between, the end. Oracle: what the fake engine made up. */

import axe from "axe-core";
import { afterEach, expect, test, vi } from "vitest";
import { page, userEvent } from "vitest/browser";
import { followRuns } from "../../src/ui/train/attention.ts";
import { fakeModel } from "../support/fakeEngine.ts";
import { eachOnAnEmptyPage, enter, kept, openWithData } from "../support/fakeStudio.tsx";

eachOnAnEmptyPage();

const budget = page.getByTestId("budget");
const start = page.getByRole("button", { name: "Start training" });
const strip = page.getByRole("listbox", { name: "Answers, newest first" });
const map = page.getByRole("listbox", { name: "Loss of each token" });
const told = page.getByTestId("token-told");
const bar = page.getByRole("progressbar", { name: "Training progress" });

async function open(settings: Parameters<typeof openWithData>[0] = kept) {
  const hone = await openWithData(settings);
  await enter("Train");
  return hone;
}

/** Of a run of so many steps that is watched every ten. */
async function trained(steps: number) {
  const hone = await open();
  hone.recipe.enter("steps", String(steps));
  hone.recipe.enter("watchEvery", "10");
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  return hone;
}

test("a small model is tried by itself; another setting makes the budget stale, in its place, and it is tried anew", async () => {
  const hone = await open({ ...kept, pace: 30 });
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  await expect.element(budget).toHaveTextContent("Steps168");
  await expect.element(budget).toHaveTextContent("500 ms a step");
  await expect.element(page.getByTestId("start-note")).toHaveTextContent("168 steps of up to 16 rows.");
  const { height } = budget.element().getBoundingClientRect();

  hone.recipe.enter("steps", "40");
  await expect.element(budget).toHaveAttribute("data-state", "stale");
  await expect.element(budget).toHaveTextContent("Of the settings before");
  // The figures of before stay.
  await expect.element(budget).toHaveTextContent("Steps168");
  expect(budget.element().getBoundingClientRect().height).toBe(height);
  await expect.element(budget).toHaveAttribute("data-state", "measuring");
  await expect.element(budget).toHaveTextContent("Steps40");
  expect(budget.element().getBoundingClientRect().height).toBe(height);

  // A rate needs no other budget.
  hone.recipe.enter("learningRate", "1e-4");
  await new Promise((resolve) => setTimeout(resolve, 50));
  await expect.element(budget).toHaveAttribute("data-state", "measured");
});

test("after a run the budget says what it took at the most, and how far off the prediction was", async () => {
  await trained(10);
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  await expect.element(budget).toHaveTextContent("when it ran (predicted 4 % less)");
  await expect.element(page.getByText("Memory at its peak")).toBeVisible();
});

test("a large model is tried when it is asked for, and the trial can be cancelled", async () => {
  await open({ ...kept, pace: 300, models: [{ ...fakeModel, parameters: 135e6 }] });
  await expect.element(budget).toHaveTextContent("A model of 135.0 M numbers takes a while to try");
  await budget.getByRole("button", { name: "Measure" }).click();
  await expect.element(budget).toHaveAttribute("data-state", "measuring");
  await budget.getByRole("button", { name: "Cancel" }).click();
  await expect.element(budget).toHaveAttribute("data-state", "none");
  await expect.element(budget.getByRole("alert")).not.toBeInTheDocument();
});

test("what does not fit is not started, and the setting with which it would is named", async () => {
  const hone = await open();
  hone.recipe.enter("keepLast", "200");
  await expect.element(budget.getByRole("alert")).toHaveTextContent("set checkpoints kept to 100");
  await expect.element(start).toBeDisabled();
  await expect.element(page.getByTestId("start-note")).toHaveTextContent("set checkpoints kept to 100");
  hone.recipe.enter("keepLast", "3");
  await expect.element(start).toBeEnabled();
});

test("a budget that cannot be measured says why, and does not keep from starting", async () => {
  await open({ ...kept, failing: { budget: new Error("Tensor lm_head takes more than this device allows.") } });
  await expect.element(budget.getByRole("alert")).toHaveTextContent("Tensor lm_head takes more");
  await expect.element(start).toBeEnabled();
});

test("answers are a strip, newest first, gone through by arrow keys; the tokens' losses follow", async () => {
  await trained(30);
  const cards = strip.getByRole("option");
  await expect.element(cards.first()).toHaveTextContent("Step 30Red, blue and yellow.1 of 4 words new.");
  expect(cards.elements().map((card) => card.getAttribute("data-step"))).toEqual(["30", "20", "10", "0"]);
  await expect.element(cards.last()).toHaveTextContent("Before trainingOnce upon a timeOf the base model.");
  await expect.element(cards.first()).toHaveAttribute("aria-selected", "true");

  // "Red" is the one of the seven that gets worse: 1.00 before, 1.30 after 30 steps.
  const red = map.getByRole("option", { name: /^Token 9 'Red'/ });
  const figure = () => red.element().querySelector<HTMLElement>("[data-figure]")?.dataset.figure;
  await expect.poll(figure).toBe("1.3");
  await page.getByRole("radio", { name: "Change" }).click();
  await expect.poll(figure).toBe("+0.3");
  await red.hover();
  await expect.element(told).toHaveTextContent("Token 9 'Red': loss 1.000 before, 1.300 now, 0.30 worse.");

  (cards.first().element() as HTMLElement).focus();
  await userEvent.keyboard("{ArrowRight}{ArrowRight}");
  await expect.element(strip.getByRole("option", { name: /^Step 10/ })).toHaveFocus();
  await expect.poll(figure).toBe("+0.1");
  await userEvent.keyboard("{End}");
  await expect.poll(figure).toBe("0");

  // The pointer goes away first: scrolling under it would count as pointing.
  await page.getByRole("heading", { level: 1 }).hover();
  // Into the map: the last token by keyboard, then one that is context.
  (map.getByRole("option").first().element() as HTMLElement).focus();
  await expect.element(told).toHaveTextContent("Token 1 '<|user|>': context, not learnt.");
  await userEvent.keyboard("{End}");
  await expect.element(told).toHaveTextContent("Token 15 '<|end|>'");
});

test("question and row can be chosen; a row that is no number is refused at its field", async () => {
  const hone = await open();
  await page.getByRole("button", { name: "More settings" }).click();
  const row = page.getByLabelText("Row to watch");
  await row.fill("last");
  await start.click();
  await expect.element(row).toHaveFocus();
  await expect.element(row).toHaveAccessibleDescription(/"last" is no number of a row/);
  await row.fill("8");
  await page.getByLabelText("Question to watch").fill("Why?");
  hone.recipe.enter("steps", "5");
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  const watched = page.getByRole("region", { name: "What it learns, as you watch" });
  await expect.element(watched).toHaveTextContent("Question Why?");
  await expect.element(watched).toHaveTextContent("Row 8 of ");
  hone.recipe.enter("watchEvery", "");
  await expect.element(row).toBeDisabled();
});

test("a checkpoint is saved while training, and the run goes on", async () => {
  const hone = await open({ ...kept, pace: 40 });
  hone.recipe.enter("steps", "100000");
  await start.click();
  const note = page.getByTestId("checkpoint-note");
  await expect.element(bar).toHaveAttribute("data-status", "training");
  await expect.element(note).toHaveTextContent("No checkpoint yet");
  await page.getByRole("button", { name: "Checkpoint now" }).click();
  await expect.element(note).toHaveTextContent(/Last checkpoint: step \d+/);
  expect(bar.element().getAttribute("data-status")).toBe("training");
  await page.getByRole("button", { name: "Cancel run" }).click();
  await expect.element(bar).toHaveAttribute("data-status", "cancelled");
});

test("figures tell the share that is learnt, what was seen, and the memory", async () => {
  await trained(12);
  const panel = page.getByRole("region", { name: "Training", exact: true });
  // 940 of 1830 tokens; 12 steps of 16 of 898 examples.
  await expect.element(panel).toHaveTextContent("Supervised share51 %");
  await expect.element(panel).toHaveTextContent("Examples seen192 (0.2 passes)");
  await expect.element(panel).toHaveTextContent("Memory of tensors6.2 MB");
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
  const observer = new MutationObserver(() => titles.add(document.title));
  observer.observe(document.querySelector("title") as Node, { childList: true });
  await start.click();
  await expect.element(bar).toHaveAttribute("data-status", "finished");
  await vi.waitFor(() => expect(document.title).toBe("Finished · Hone"));
  observer.disconnect();
  expect([...titles]).toContain("50 % · Hone");
  expect([asked.mock.calls.length, shown]).toEqual([0, []]);

  await page.getByRole("switch", { name: "Tell me when it ends" }).click();
  expect(asked).toHaveBeenCalledOnce();
  const hidden = vi.spyOn(document, "hidden", "get").mockReturnValue(true);
  await start.click();
  await vi.waitFor(() => expect(shown).toEqual([expect.stringMatching(/^Finished: .* \(Step 20, loss /)]));
  hidden.mockRestore();
  document.dispatchEvent(new Event("visibilitychange"));
  expect(document.title).toBe("Hone");
});

test("a browser that allows no notifications is told of in place, and the switch stays off", async () => {
  vi.stubGlobal("Notification", { requestPermission: async () => "denied" });
  await trained(2);
  const tell = page.getByRole("switch", { name: "Tell me when it ends" });
  await tell.click();
  await expect.element(tell).toHaveAccessibleDescription(/does not allow notifications/);
  await expect.element(tell).not.toBeChecked();
});

test.each(["light", "dark"] as const)("no fault for assistive technology in the %s scheme", async (scheme) => {
  localStorage.setItem("mantine-color-scheme-value", scheme);
  await trained(30);
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
