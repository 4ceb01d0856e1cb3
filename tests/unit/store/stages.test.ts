/** The list of stages in the store: entries and λ follow their stage. Oracle: written by hand. */

import { describe, expect, test } from "vitest";
import { createEngineClient } from "../../../src/client/client.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createHone } from "../../../src/store/hone.ts";
import { currentEntries, objectivesOf, rearranged } from "../../../src/store/stageEntries.ts";
import { lambdasIn } from "../../../src/store/stages.ts";
import { readRecipe } from "../../../src/ui/train/recipe.ts";
import { openServices } from "../../support/services.ts";

function page(entries: Readonly<Record<string, string>> = {}) {
  const hone = createHone(createEngineClient(openServices(nodeEntries)));
  hone.recipe.fill({ name: "", method: "lora", entries });
  hone.store.setState((state) => ({ data: { ...state.data, chosen: [wholeSource("a"), wholeSource("b")] } }));
  return {
    hone,
    entries: () => hone.store.getState().recipe.entries,
    stages: () => readRecipe(hone.store.getState().recipe, undefined).recipe.stages,
    lambdas: (count: number) => hone.store.getState().data.chosen.map((source) => lambdasIn(source, count)),
  };
}

describe("the list", () => {
  test("one stage becomes several and one again; its entries stay with it", () => {
    const { hone, entries, stages } = page({ learningRate: "1e-3", epochs: "2", rank: "8" });
    hone.stages.add("preference");
    expect(entries()).toEqual({
      rank: "8",
      stages: "mixed,preference",
      "stage1.learningRate": "1e-3",
      "stage1.epochs": "2",
    });
    // The new stage has its objective's defaults: a twentieth of LoRA's usual rate.
    expect(stages()).toMatchObject([
      { objective: "mixed", learningRate: 1e-3, epochs: 2 },
      { objective: "preference", learningRate: 1e-5, epochs: 3, preference: { loss: "dpo", beta: 0.1 } },
    ]);
    hone.stages.remove(1);
    expect(entries()).toEqual({ learningRate: "1e-3", epochs: "2", rank: "8" });
    hone.stages.remove(0);
    expect(stages()).toHaveLength(1);
  });

  test("a move, a copy and a removal take entries and λ along", () => {
    const { hone, entries, lambdas } = page();
    hone.stages.choose(["text", "chat", "preference"]);
    hone.recipe.enter("stage1.epochs", "4");
    hone.recipe.enter("stage3.beta", "0.3");
    hone.stages.weigh("b", 0, 0);
    hone.stages.weigh("a", 2, 0.5);
    expect(lambdas(3)).toEqual([
      [1, 1, 0.5],
      [0, 1, 1],
    ]);
    hone.stages.move(2, 0);
    expect(entries()).toEqual({ stages: "preference,text,chat", "stage1.beta": "0.3", "stage2.epochs": "4" });
    expect(lambdas(3)).toEqual([
      [0.5, 1, 1],
      [1, 0, 1],
    ]);
    hone.stages.duplicate(1);
    expect(entries()).toEqual({
      stages: "preference,text,text,chat",
      "stage1.beta": "0.3",
      "stage2.epochs": "4",
      "stage3.epochs": "4",
    });
    expect(lambdas(4)).toEqual([
      [0.5, 1, 1, 1],
      [1, 0, 0, 1],
    ]);
    hone.stages.remove(0);
    expect(entries()).toEqual({ stages: "text,text,chat", "stage1.epochs": "4", "stage2.epochs": "4" });
    expect(hone.store.getState().data.chosen[0]).not.toHaveProperty("stages");
  });

  test("a move outside of the list changes nothing", () => {
    const { hone, entries } = page({ stages: "text,chat" });
    hone.stages.move(0, 2);
    hone.stages.move(5, 0);
    hone.stages.duplicate(2);
    expect(entries()).toEqual({ stages: "text,chat" });
  });

  test("the list becomes what is asked for; reset gives one stage with every source", () => {
    const { hone, stages, lambdas } = page({ steps: "7", mixture: "sampling" });
    hone.stages.choose(["text", "chat"]);
    expect(stages()).toMatchObject([
      { objective: "text", epochs: 1, steps: null, mixture: "sampling" },
      { objective: "chat", steps: 7, mixture: "sampling" },
    ]);
    hone.stages.weigh("a", 1, 0);
    hone.recipe.reset();
    expect(stages()).toHaveLength(1);
    expect(lambdas(1)).toEqual([[1], [1]]);
  });
});

describe("an objective and a loss", () => {
  test("another objective drops the rate and the settings that belong to the old one", () => {
    const { hone, entries, stages } = page({ learningRate: "1e-3", epochs: "2" });
    hone.stages.setObjective(0, "preference");
    expect(entries()).toEqual({ stages: "preference", epochs: "2" });
    hone.recipe.enter("beta", "0.4");
    hone.recipe.enter("loss", "simpo");
    expect(entries()).toEqual({ stages: "preference", epochs: "2", loss: "simpo" });
    expect(stages()).toMatchObject([{ learningRate: 8e-5, preference: { beta: 2.5, gamma: 1.4 } }]);
    hone.stages.setObjective(0, "chat");
    expect(entries()).toEqual({ stages: "chat", epochs: "2" });
    expect(stages()).toMatchObject([{ objective: "chat", preference: null, learningRate: 2e-4 }]);
  });

  test("KTO's weights are read, and refused at 0", () => {
    const { hone, stages } = page({ stages: "preference" });
    hone.recipe.enter("loss", "kto");
    hone.recipe.enter("chosenWeight", "1.5");
    expect(stages()).toMatchObject([{ preference: { loss: "kto", chosenWeight: 1.5, rejectedWeight: 1 } }]);
    hone.recipe.enter("rejectedWeight", "0");
    const { refusals } = readRecipe(hone.store.getState().recipe, undefined);
    expect(refusals).toEqual({ rejectedWeight: expect.stringContaining("more than 0") });
  });
});

describe("entries of other pages", () => {
  test("two stages of an older page keep lengths, rates and the rest", () => {
    const old = {
      stages: "text-first",
      textEpochs: "2",
      textLearningRate: "1e-5",
      epochs: "4",
      schedule: "linear",
      rank: "4",
    };
    expect(currentEntries(old)).toEqual({
      rank: "4",
      stages: "text,chat",
      "stage1.epochs": "2",
      "stage1.learningRate": "1e-5",
      "stage1.schedule": "linear",
      "stage2.epochs": "4",
      "stage2.schedule": "linear",
    });
    expect(currentEntries({ ...old, stages: "together" })).toEqual({ epochs: "4", schedule: "linear", rank: "4" });
    expect(currentEntries({ epochs: "4" })).toEqual({ epochs: "4" });
  });

  test("an unknown objective counts as no list", () => {
    expect(objectivesOf({ stages: "text,poem" })).toEqual(["mixed"]);
    expect(objectivesOf({})).toEqual(["mixed"]);
    expect(rearranged({ stages: "text,poem", epochs: "2" }, [{ from: 0, objective: "text" }])).toEqual({
      stages: "text",
    });
  });
});
