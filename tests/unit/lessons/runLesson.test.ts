/** The runner of lessons. Oracle: an engine of the test whose runs and answers are known, and the calls that it got. */

import { describe, expect, test } from "vitest";
import type { Lesson } from "../../../src/lessons/lesson.ts";
import { lessons } from "../../../src/lessons/lessons.ts";
import { ends, right, trainable } from "../../../src/lessons/measures.ts";
import { type ArmFigures, type LessonParts, meansOf, runLesson, spreadOf } from "../../../src/lessons/runLesson.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { runRecord } from "../storage/backend.ts";

const usual = defaultRecipe("lora");

const lesson: Lesson = {
  id: "made",
  title: "Made",
  claim: "More is better.",
  text: [],
  formula: null,
  predict: { kind: "number", question: "?", range: [0, 100], unit: "%", measured: (of) => of("tuned", right) },
  arms: [
    { name: "base", training: null },
    { name: "tuned", training: { data: ["a.jsonl"], recipe: (recipe) => recipe } },
    {
      name: "the same, other template",
      training: { data: ["a.jsonl"], recipe: (recipe) => recipe },
      template: { kind: "built-in", name: "chatml" },
    },
    { name: "longer", training: { data: ["a.jsonl", "b.jsonl"], recipe: (recipe) => ({ ...recipe, keepLast: 5 }) } },
  ],
  measures: [right, ends, trainable],
  exam: ["exam.jsonl"],
  shows: (of) => of("tuned", right) > of("base", right),
  why: ["", "", ""],
  play: { text: "", setting: "steps", values: [] },
};

/** Runs answer rightly by their seed: seed 1 one of four questions, seed 2 two, and so on. */
function made({ left = [] as RunRecord[], fails = "" } = {}) {
  const calls: string[] = [];
  const runs = new Map<string, RunRecord>();
  const finish = (run: RunRecord): RunRecord => {
    const found = {
      ...run,
      ...(run.name.includes(fails) && fails !== "" ? { reason: "No memory." } : { reason: null }),
    };
    const done = { ...found, status: found.reason ? ("failed" as const) : ("finished" as const) };
    runs.set(done.id, done);
    return done;
  };
  const parts: LessonParts = {
    modelHash: "m",
    usual,
    openRows: async (file) => ({ hash: file, mapping: null, excluded: [] }) as never,
    openExam: async () => ({
      name: "exam",
      hash: "e",
      questions: Array.from({ length: 4 }, (_, i) => ({ prompt: `${i}`, expected: "yes", group: null, task: null })),
      texts: [],
      problems: [],
    }),
    engine: {
      async startRun({ name, recipe, sources }) {
        calls.push(`start ${name} on ${sources.length}`);
        return finish({ ...runRecord(name, 80), name, recipe });
      },
      async resumeRun(id) {
        calls.push(`resume ${id}`);
        return finish(left.find((run) => run.id === id) as RunRecord);
      },
      async listRuns() {
        return left;
      },
      async deleteRun(id) {
        calls.push(`delete ${id}`);
      },
      async examine({ runId, questions, template }) {
        calls.push(`examine ${runId ?? "base"} with ${template.kind === "built-in" ? template.name : template.kind}`);
        const seed = runId === null ? 0 : (runs.get(runId)?.recipe.seed ?? 0);
        return {
          answers: questions.map((_, i) => ({ text: "yes", finish: "stop" as const, correct: i < seed })),
          textLoss: null,
          step: null,
          seconds: 1,
        };
      },
    },
  };
  return { parts, calls };
}

describe("runLesson", () => {
  test("trains each training once a seed, asks the base once, and deletes its runs", async () => {
    const { parts, calls } = made();
    const results = await runLesson(lesson, parts, { seeds: [1, 2] });
    expect(calls.filter((call) => call.startsWith("start"))).toEqual([
      "start Made: tuned, seed 1 on 1",
      "start Made: longer, seed 1 on 2",
      "start Made: tuned, seed 2 on 1",
      "start Made: longer, seed 2 on 2",
    ]);
    expect(calls.filter((call) => call.includes("base"))).toHaveLength(1);
    expect(calls.filter((call) => call.endsWith("with chatml"))).toHaveLength(2);
    expect(calls.filter((call) => call.startsWith("delete"))).toHaveLength(4);
    expect(results).toHaveLength(7);
    expect(spreadOf(results, "tuned", right)).toEqual({ mean: 37.5, spread: 12.5 });
    // The base model has no trained numbers.
    expect(spreadOf(results, "base", trainable)).toBeNull();
    expect(meansOf(results)("base", trainable)).toBeNaN();
    expect(lesson.shows(meansOf(results))).toBe(true);
  });

  test("measures only what is not there yet, and reports each result and its place", async () => {
    const { parts, calls } = made();
    const all = await runLesson(lesson, parts, { seeds: [1, 2] });
    const before = calls.length;
    const seen: ArmFigures[] = [];
    const places: string[] = [];
    const again = await runLesson(lesson, parts, {
      seeds: [1, 2],
      earlier: all.slice(0, 5),
      onFigures: (figures) => seen.push(figures),
      onArm: (arm, seed, done, total) => places.push(`${arm} ${seed}: ${done} of ${total}`),
    });
    expect(again).toEqual(all);
    expect(seen).toEqual(all.slice(5));
    expect(places).toEqual(["the same, other template 2: 5 of 7", "longer 2: 6 of 7"]);
    expect(calls.length).toBeGreaterThan(before);
  });

  test("goes on with a run that was left behind", async () => {
    const left = { ...runRecord("left", 3), name: "Made: tuned, seed 1", status: "paused" as const };
    const { parts, calls } = made({ left: [{ ...left, recipe: { ...usual, seed: 1 } }] });
    await runLesson(lesson, parts, { seeds: [1] });
    expect(calls.filter((call) => !call.startsWith("examine")).slice(0, 2)).toEqual([
      "resume left",
      "start Made: longer, seed 1 on 2",
    ]);
  });

  test("a run that fails ends the lesson with its reason, and its other runs are deleted", async () => {
    const { parts, calls } = made({ fails: "longer" });
    await expect(runLesson(lesson, parts, { seeds: [1] })).rejects.toThrow(
      'The run of "longer" ended failed: No memory.',
    );
    expect(calls.filter((call) => call.startsWith("delete"))).toEqual(["delete Made: tuned, seed 1"]);
  });

  test("a signal ends it before the next arm", async () => {
    const { parts } = made();
    await expect(runLesson(lesson, parts, { seeds: [1], signal: AbortSignal.abort() })).rejects.toThrow();
  });
});

describe("the lessons", () => {
  test.each(lessons.map((own) => [own.id, own] as const))(
    "%s is whole",
    (_, { arms, measures, predict, claim, why, text }) => {
      expect(new Set(arms.map(({ name }) => name)).size).toBe(arms.length);
      expect(arms.length).toBeGreaterThan(1);
      expect(new Set(measures.map(({ label }) => label)).size).toBe(measures.length);
      for (const sentence of [claim, ...why, ...text]) expect(sentence).toMatch(/[.?”]$/);
      // Whatever was measured, the prediction has an answer that the page can show.
      const any = () => 1;
      if (predict.kind === "choice") expect(predict.options[predict.right(any)] ?? predict.options[0]).toBeTruthy();
      else expect(predict.measured(any)).toBe(1);
    },
  );
});
