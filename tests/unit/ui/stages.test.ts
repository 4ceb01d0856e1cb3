/** What the page knows of stages. Oracle: counted by hand. */

import { describe, expect, test } from "vitest";
import type { DataReport } from "../../../src/quality/report.ts";
import type { ColumnRole, FormatName } from "../../../src/records/formats/mapping.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { withObjectives } from "../../../src/run/stage.ts";
import { realised, repeatsOf } from "../../../src/ui/sources/repeats.ts";
import { optionsFor } from "../../../src/ui/train/options.ts";
import {
  boundariesOf,
  kindsOf,
  missingKind,
  onlyLabelled,
  stageAt,
  stepsOfStages,
  unusedKinds,
} from "../../../src/ui/train/stages.ts";
import { stagesWords } from "../../../src/ui/words/stages.ts";
import { recipeWith } from "../../support/recipe.ts";

const stages = [
  { objective: "text", steps: 40, examples: 160, supervisedTokens: 9000 },
  { objective: "chat", steps: 1200, examples: 800, supervisedTokens: 4000 },
] as const;
const recipe = recipeWith(defaultRecipe("lora"), { stages: "text-first" });

test.each([
  [0, "Stage 1 of 2: text, step 0 of 40"],
  [40, "Stage 1 of 2: text, step 40 of 40"],
  [41, "Stage 2 of 2: chats, step 1 of 1,200"],
  [1240, "Stage 2 of 2: chats, step 1,200 of 1,200"],
])("step %i is in %s", (step, words) => {
  const place = stageAt(stages, step);
  expect(place && stagesWords.at(place)).toBe(words);
});

test("a run in one stage has no place in stages and no border", () => {
  const one = [{ objective: "mixed", steps: 40, examples: 160, supervisedTokens: null }] as const;
  expect(stageAt(one, 3)).toBeNull();
  expect(boundariesOf(one)).toEqual([]);
  expect(boundariesOf(stages)).toEqual([{ step: 40, objective: "chat" }]);
});

type Mapped = readonly [FormatName, Partial<Record<ColumnRole, string>>];
const read = (...mapped: readonly Mapped[]) =>
  mapped.map(([format, columns], i) => ({
    hash: `${i}`,
    detection: { mapping: { format, columns }, reason: "", alternatives: [], columns: [] },
  }));
const ofKinds = (...list: readonly (readonly [text: number, chat: number])[]) =>
  ({
    examples: 200,
    findings: [],
    sources: list.map(([text, chat], i) => ({
      name: `source ${i}`,
      byKind: {
        text: { training: text, realisedShare: 0.25, passes: 2 },
        chat: { training: chat, realisedShare: 0.5, passes: 1 },
        preference: { training: 0, realisedShare: 0, passes: 0 },
      },
    })),
  }) as unknown as DataReport;

describe("the kinds among the chosen data", () => {
  test.each<[string, readonly Mapped[], { text: boolean; chat: boolean; preference: boolean }]>([
    ["pairs", [["alpaca", {}]], { text: false, chat: true, preference: false }],
    ["a text", [["text", {}]], { text: true, chat: false, preference: false }],
    [
      "both",
      [
        ["text", {}],
        ["openai", {}],
      ],
      { text: true, chat: true, preference: false },
    ],
    ["columns read as text", [["columns", { text: "body" }]], { text: true, chat: false, preference: false }],
    [
      "columns with messages",
      [["columns", { text: "body", messages: "m" }]],
      { text: false, chat: true, preference: false },
    ],
    ["preferences", [["preference", {}]], { text: false, chat: false, preference: true }],
    ["a file that mixes formats", [["mixed", {}]], { text: true, chat: true, preference: true }],
  ])("of %s", (_, mapped, kinds) => {
    expect(kindsOf(read(...mapped), [], null)).toEqual(kinds);
  });

  test("a mapping that a person chose counts, and a report knows better than both", () => {
    const sources = read(["alpaca", {}]);
    const chosen = [{ hash: "0", mapping: { format: "text" as const, columns: { text: "output" } } }];
    expect(kindsOf(sources, chosen, null)).toEqual({ text: true, chat: false, preference: false });
    expect(kindsOf(sources, chosen, ofKinds([3, 2]))).toEqual({ text: true, chat: true, preference: false });
  });

  test("answers with a label are preferences; alone they need KTO", () => {
    const labelled = ["trl", { prompt: "p", response: "c", label: "label" }] as const;
    const kinds = kindsOf(read(labelled), [], null);
    expect(kinds).toEqual({ text: false, chat: false, preference: true });
    expect(onlyLabelled(read(labelled, ["alpaca", {}]), [])).toBe(true);
    expect(onlyLabelled(read(labelled, ["preference", {}]), [])).toBe(false);
    expect(onlyLabelled(read(["alpaca", {}]), [])).toBe(false);
    const unlabelled = [{ hash: "0", mapping: { format: "trl" as const, columns: { prompt: "p", response: "c" } } }];
    expect(onlyLabelled(read(labelled), unlabelled)).toBe(false);
  });

  test("one that is missing matters in two stages only", () => {
    expect(missingKind(recipe, { text: true, chat: true, preference: false })).toBeNull();
    expect(missingKind(recipe, { text: false, chat: true, preference: false })).toBe("text");
    expect(missingKind(recipe, { text: true, chat: false, preference: false })).toBe("chat");
    expect(missingKind(defaultRecipe("lora"), { text: true, chat: false, preference: false })).toBeNull();
  });
});

test.each([
  // 50 texts are 13 micro-batches of 4, so 7 steps of 2; 21 chats are 6, so 3 steps.
  ["passes", { textEpochs: 2, epochs: 3 }, 2 * 7 + 3 * 3],
  ["steps, which are the chats'", { textEpochs: 0.5, steps: 10 }, 4 + 10],
])("steps of %s", (_, change, steps) => {
  const asked = recipeWith(recipe, { batchSize: 4, accumulation: 2, ...change });
  expect(stepsOfStages(asked, ofKinds([50, 0], [0, 21]))).toBe(steps);
});

test("a source's figures are those of the stages that it is in", () => {
  const [both, text] = ofKinds([10, 20], [30, 0]).sources;
  if (!both || !text) throw new Error("two sources were expected");
  const [first, second] = recipe.stages;
  expect(realised(both, recipe)).toEqual([
    { stage: first, share: 0.25, passes: 2 },
    { stage: second, share: 0.5, passes: 1 },
  ]);
  expect(realised(text, recipe).map(({ stage }) => stage.objective)).toEqual(["text"]);
});

test("repeats are counted by the stage's own passes", () => {
  const report = ofKinds([10, 0], [0, 40]);
  expect(repeatsOf(report, 0, recipeWith(recipe, { textEpochs: 2, epochs: 9 }))).toBeNull();
  expect(repeatsOf(report, 0, recipeWith(recipe, { textEpochs: 3 }))).toMatch(/^The run makes 6 passes over source 0/);
  // 40 chats in steps of 16: 20 steps are eight passes.
  expect(repeatsOf(report, 1, recipeWith(recipe, { steps: 20 }))).toMatch(/^The run makes 8 passes over source 1/);
});

test.each([
  ["stage1.epochs", "9", /overfits/],
  ["stage1.learningRate", "1e-3", /forget/],
  ["stage2.epochs", "9", /overfit: watch/],
])("%s at %s is doubted", (field, text, reason) => {
  const option = optionsFor([], 2).find((candidate) => candidate.field === field);
  const reading = option?.read(recipe, text);
  expect(reading && "settings" in reading ? option?.doubt(reading.settings) : null).toMatch(reason);
});

test("a kind of data that no stage trains on is named", () => {
  const all = { text: true, chat: true, preference: true };
  expect(unusedKinds(defaultRecipe("lora"), all)).toEqual(["preference"]);
  expect(unusedKinds(recipe, { ...all, preference: false })).toEqual([]);
  expect(unusedKinds(withObjectives(recipe, ["preference"]), all)).toEqual(["text", "chat"]);
});
