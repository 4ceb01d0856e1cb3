/**
 * The Train screen's settings of storage, the offer that makes a run fit, the base's loss, and the parts before the first step, on
 * the real services. Oracle: the engine's own calls, and stubs of what a test cannot cause.
 */

import axe from "axe-core";
import { expect, test, vi } from "vitest";
import { page } from "vitest/browser";
import type { BaseLoss } from "../../src/protocol/engine.ts";
import { beforeTasks } from "../../src/run/beforeTasks.ts";
import { colourRows, keepBasics } from "../support/kept.ts";
import { type Stubs, untilCancelled } from "../support/services.ts";
import { eachOnAPage, enter, openStudio } from "../support/studio.tsx";

const kept = eachOnAPage((here) => keepBasics(here, { rows: colourRows(40) }));

const budget = page.getByTestId("budget");
const quality = page.getByTestId("base-loss");
const start = page.getByRole("button", { name: "Start training" });

async function open(stubs: Stubs = {}) {
  const { model, source } = kept();
  const hone = await openStudio({ model, sources: [source] }, stubs);
  await enter("Train");
  return hone;
}

/** No fault for assistive technology, and nothing wider than the page. */
async function expectUsable() {
  expect((await axe.run(document.body)).violations.map(({ id, nodes }) => [id, nodes[0]?.html])).toEqual([]);
  expect(document.documentElement.scrollWidth).toBeLessThanOrEqual(document.documentElement.clientWidth);
}

const loss: BaseLoss = { rows: 32, weights: "int4", loss: 3.4309, reference: { weights: "float32", loss: 3.4121 } };

test("the base's loss is measured in the chosen bits beside that of the file, and stays for these settings", async () => {
  const hone = await open();
  await expect.element(budget).toHaveAttribute("data-state", "measured");
  await expect.element(quality).not.toBeInTheDocument();
  hone.recipe.enter("weights", "float16");
  await expect
    .element(quality)
    .toHaveTextContent(/^Loss of the base on 4 rows: \d\.\d{3} in 32 bits, \d\.\d{3} in 16 bits \([+−±]0\.00\d\)\.$/);
  const told = quality.element().textContent;
  hone.recipe.enter("weights", "float32");
  await expect.element(quality).not.toBeInTheDocument();
  hone.recipe.enter("weights", "float16");
  await expect.element(quality).toHaveTextContent(told ?? "");
  hone.recipe.method("full");
  await expect.element(quality).not.toBeInTheDocument();
});

test("of a large model it is measured on demand, and can be cancelled", async () => {
  const measured = vi.fn<() => void>();
  const hone = await open({
    engine: ({ listModels }) => ({
      listModels: async () => (await listModels()).map((model) => ({ ...model, parameters: 135e6 })),
      async baseLoss(_request, signal) {
        measured();
        return measured.mock.calls.length === 1 ? untilCancelled(signal) : loss;
      },
    }),
  });
  hone.recipe.enter("weights", "int4");
  await expect.element(quality).toHaveTextContent(/^4 bits change the base model\. Measure its loss/);
  expect(measured).not.toHaveBeenCalled();
  await quality.getByRole("button", { name: "Measure the loss" }).click();
  await quality.getByRole("button", { name: "Cancel" }).click();
  await quality.getByRole("button", { name: "Measure the loss" }).click();
  await expect
    .element(quality)
    .toHaveTextContent("Loss of the base on 32 rows: 3.412 in 32 bits, 3.431 in 4 bits (+0.019).");
  await expectUsable();
});

test.each([1280, 390])(
  "at %i pixels settings that make a run fit are offered with their cost, and one press enters them",
  async (width) => {
    await page.viewport(width, 800);
    const hone = await open({
      engine: ({ budget: real }) => ({
        async budget(request, signal) {
          const given = await real(request, signal);
          if (request.recipe.weights === "int4") return given;
          return {
            ...given,
            fits: false,
            time: null,
            advice:
              "A step needs about 5.1 GB of memory, and WebAssembly can address 4.3 GB. " +
              "This run fits with 4-bit weights, micro-batch size 1 and gradient accumulation 16: 900 MB.",
            proposal: {
              changes: { weights: "int4", batchSize: 1, accumulation: 16 },
              costs: ["Weights are rounded to 4 bits.", "A step takes longer."],
            },
          };
        },
        baseLoss: async () => loss,
      }),
    });
    const alert = budget.getByRole("alert");
    await expect.element(alert).toHaveTextContent("Weights are rounded to 4 bits. A step takes longer.");
    await expect.element(start).toBeDisabled();
    await expectUsable();
    await alert.getByRole("button", { name: "Use this" }).click();
    expect(hone.store.getState().recipe.entries).toMatchObject({ weights: "int4", batchSize: "1", accumulation: "16" });
    await expect.element(alert).not.toBeInTheDocument();
    await expect.element(start).toBeEnabled();
    await expect.element(page.getByLabelText(/^Base weights/)).toHaveValue("int4");
    await expect.element(quality).toHaveTextContent("3.431 in 4 bits (+0.019)");
    // The record of the run has what the offer entered.
    hone.recipe.enter("steps", "1");
    await start.click();
    await expect.element(page.getByTestId("run-status")).toHaveAttribute("data-status", "finished");
    expect(hone.store.getState().runs.list[0]?.recipe).toMatchObject({
      weights: "int4",
      compute: "float32",
      program: "whole",
      batchSize: 1,
    });
  },
);

test.each([1280, 390])(
  "at %i pixels each part before the first step has its bar, and the optional ones can be skipped",
  async (width) => {
    await page.viewport(width, 800);
    const skipped = vi.fn<() => void>();
    let finish = () => {};
    const hone = await open({
      engine: ({ skipBefore, startRun }) => ({
        async startRun(request, signal) {
          await new Promise<void>((resolve) => {
            finish = resolve;
            signal?.addEventListener("abort", () => resolve());
          });
          return startRun(request, signal);
        },
        async skipBefore() {
          skipped();
          await skipBefore();
        },
      }),
    });
    hone.recipe.enter("steps", "2");
    await start.click();
    const parts = page.getByTestId("before-parts");
    const tell = (task: string, done: number, total: number) =>
      hone.services.tell({ type: "progress", task, done, total });
    await expect.poll(() => hone.store.getState().training.phase).toBe("preparing");
    tell(beforeTasks.weights, 40, 100);
    const weights = parts.getByRole("progressbar", { name: beforeTasks.weights });
    await expect.element(weights).toHaveAttribute("aria-valuenow", "40");
    await expect.element(parts.getByRole("button", { name: "Skip" })).not.toBeInTheDocument();
    tell(beforeTasks.answers, 1, 4);
    await expect.element(weights).toHaveAttribute("aria-valuenow", "100");
    await expect
      .element(parts)
      .toHaveTextContent(new RegExp(`${beforeTasks.weights}\\d+\\.\\d s.*${beforeTasks.answers}25 %`));
    await expectUsable();
    await parts.getByRole("button", { name: "Skip" }).click();
    await expect.element(parts.getByRole("button", { name: "Skipping…" })).toBeDisabled();
    expect(skipped).toHaveBeenCalledTimes(1);
    tell(beforeTasks.sessions, 0, 2);
    await expect.element(parts.getByRole("button")).not.toBeInTheDocument();
    finish();
    await expect.element(page.getByTestId("run-status")).toHaveAttribute("data-status", "finished");
    await expect.element(parts).not.toBeInTheDocument();
    const summary = page.getByTestId("before-summary");
    await expect.element(summary).toHaveTextContent(/^First step after \d+ s/);
    await summary.getByText(/^First step after/).click();
    // The run itself reports the same part again.
    await expect.element(summary.getByText(beforeTasks.answers).first()).toBeVisible();
    await expectUsable();
  },
);
