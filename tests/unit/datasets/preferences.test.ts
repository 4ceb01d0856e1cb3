/** Preference rows in the dataset service: preview, list of rows, questions, report. Oracle: rows written out by hand. */

import { describe, expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import { questionOf } from "../../../src/datasets/exam.ts";
import type { PreviewExample } from "../../../src/protocol/datasets.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { figuresOf, groupsOf, sameTokens } from "../../../src/ui/preview/answers.ts";
import { jsonLines } from "../../support/tinyLlama.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const pair = { prompt: "Why?", chosen: "So.", rejected: "Nobody knows." };

async function opened(rows: readonly unknown[], change: Partial<DataSpec["settings"]> = {}, preferences = true) {
  const data = createDatasetService(await openStorage(tabOn(newDisk())), () => {}).during("test");
  const { json, config } = byteLevelTokenizer();
  const files = { tokenizerJson: json, tokenizerConfig: config, chatTemplate: null, contextLength: 512 };
  await data.addModel({ modelHash: "m", ...files });
  const { sources } = await data.open([new File([jsonLines(rows)], "rows.jsonl")]);
  const spec: DataSpec = {
    modelHash: "m",
    sources: sources.map(({ hash }) => ({ hash, mapping: null, lambda: 1, excluded: [] })),
    settings: {
      template: { kind: "built-in", name: "hone" },
      systemPrompt: null,
      mask: "responses",
      maxLength: 128,
      truncation: "drop",
      ...change,
    },
    ...(preferences && { preferences }),
    mixture: "sampling",
    validationShare: 0,
    seed: 1,
  };
  return { data, spec };
}

/** The text of the supervised tokens. */
const learnt = ({ tokens }: PreviewExample) =>
  tokens.flatMap(({ weight, text, cut }) => (weight > 0 && !cut ? [text] : [])).join("");

describe("the preview", () => {
  test("shows both answers with their own template and mask", async () => {
    const { data, spec } = await opened([pair]);
    const { examples, problem } = await data.row(spec, 0, 0);
    expect(problem).toBeNull();
    expect(examples.map(({ answer }) => answer)).toEqual([
      { side: "chosen", paired: true, begin: 1 },
      { side: "rejected", paired: true, begin: 1 },
    ]);
    expect(examples.map(learnt)).toEqual(["So.<|end|></s>", "Nobody knows.<|end|></s>"]);
    expect(examples.map((example) => example.problem)).toEqual([null, null]);
    expect(examples.map(figuresOf)).toMatchObject([
      { tokens: 10, cut: 0, promptCut: 0, text: "So." },
      { tokens: 20, cut: 0, promptCut: 0, text: "Nobody knows." },
    ]);
  });

  test("without a stage of preferences the tokens are shown, with the reason why nothing is trained", async () => {
    const { data, spec } = await opened([pair], {}, false);
    const { examples } = await data.row(spec, 0, 0);
    expect(examples.map(learnt)).toEqual(["So.<|end|></s>", "Nobody knows.<|end|></s>"]);
    expect(examples.map(({ problem }) => problem)).toEqual(
      Array(2).fill("a preference row, and no stage of this recipe trains on preferences"),
    );
  });

  test("as a prompt, the row is the prompt up to the answer's header, whatever the answers are", async () => {
    const { data, spec } = await opened([pair, { prompt: "Why?", completion: "So.", label: false }]);
    const [of, single] = await Promise.all([0, 1].map((row) => data.row(spec, 0, row, "prompt")));
    expect(of?.examples).toHaveLength(1);
    expect(of?.examples[0]).toMatchObject({ supervised: 0, text: expect.stringMatching(/Why\?.*<\|assistant\|>$/s) });
    expect(of?.examples[0]?.answer).toBeUndefined();
    expect(single?.examples[0]?.text).toBe(of?.examples[0]?.text);
  });

  test.each([
    [true, "chosen"],
    [false, "rejected"],
  ])("a single answer with the label %s", async (label, side) => {
    const { data, spec } = await opened([{ prompt: "Why?", completion: "So.", label }]);
    const { examples } = await data.row(spec, 0, 0);
    expect(examples.map(({ answer }) => answer)).toEqual([{ side, paired: false, begin: 1 }]);
    expect(examples.map(learnt)).toEqual(["So.<|end|></s>"]);
  });

  test("a cut answer has its lost tokens; a row that is left out names the answer", async () => {
    const long = { prompt: "Why?", chosen: "So.", rejected: "no ".repeat(60) };
    const cut = await opened([long], { maxLength: 64, truncation: "right" });
    const [chosen, rejected] = (await cut.data.row(cut.spec, 0, 0)).examples.map(figuresOf);
    expect(chosen).toMatchObject({ tokens: 10, cut: 0 });
    expect(rejected?.cut).toBeGreaterThan(100);
    const dropped = await opened([long], { maxLength: 64 });
    const { examples } = await dropped.data.row(dropped.spec, 0, 0);
    expect(examples.map(({ problem }) => problem)).toEqual(
      Array(2).fill(expect.stringMatching(/^rejected answer: \d+ tokens exceed the limit of 64/)),
    );
    expect(examples.every(({ tokens }) => tokens.every((token) => !token.cut))).toBe(true);
  });

  test("a message of the prompt is context, also where it is an answer", async () => {
    const prompt = [
      { role: "user", content: "a" },
      { role: "assistant", content: "b" },
      { role: "user", content: "c" },
    ];
    const answer = (content: string) => [{ role: "assistant", content }];
    const { data, spec } = await opened([{ prompt, chosen: answer("d"), rejected: answer("e") }]);
    const { examples } = await data.row(spec, 0, 0);
    expect(examples.map(({ answer, messages }) => [answer?.begin, messages.map(({ weight }) => weight)])).toEqual([
      [3, [0, 0, 0, 1]],
      [3, [0, 0, 0, 1]],
    ]);
  });

  test.each<[string, object, RegExp]>([
    ["both equal", { prompt: "a", chosen: "b", rejected: "b" }, /^chosen and rejected are the same$/],
    ["one empty", { prompt: "a", chosen: "b", rejected: " " }, /^no response: rejected is empty$/],
    ["one missing", { prompt: "a", chosen: "b" }, /rejected/],
    [
      "another prompt in the answers",
      {
        prompt: "x",
        chosen: [
          { role: "user", content: "a" },
          { role: "assistant", content: "b" },
        ],
        rejected: [
          { role: "user", content: "a" },
          { role: "assistant", content: "c" },
        ],
      },
      /^the prompt differs from the beginning of chosen$/,
    ],
  ])("a row with %s says so", async (_, row, message) => {
    const { data, spec } = await opened([pair, pair, row]);
    expect((await data.row(spec, 0, 2)).problem).toMatch(message);
  });
});

test("the list of rows counts the tokens of both answers, and names rows that no stage uses", async () => {
  const rows = [pair, { ...pair, rejected: "no ".repeat(60) }];
  const used = await opened(rows);
  const heads = await used.data.heads(used.spec, 0, 0, 9);
  expect(heads.map(({ state, supervised }) => [state, supervised])).toEqual([
    ["used", 30],
    ["left out", 0],
  ]);
  expect(heads[0]?.text).toBe("Why?");
  const unused = await opened(rows, {}, false);
  expect((await unused.data.heads(unused.spec, 0, 0, 9)).map(({ state }) => state)).toEqual([
    "preference",
    "preference",
  ]);
});

test("the report has the number and the mean length of chosen and rejected answers", async () => {
  const { data, spec } = await opened([pair, { prompt: "Who?", chosen: "I am.", rejected: "No." }]);
  expect((await data.inspect(spec)).answers).toEqual({
    pairs: 2,
    chosen: { count: 2, meanTokens: 11 },
    rejected: { count: 2, meanTokens: 15 },
  });
  const single = await opened([
    { prompt: "Why?", completion: "So.", label: true },
    { prompt: "Who?", completion: "I am.", label: true },
    { prompt: "Who?", completion: "No.", label: false },
  ]);
  const report = await single.data.inspect(single.spec);
  expect(report.answers).toEqual({
    pairs: 0,
    chosen: { count: 2, meanTokens: 11 },
    rejected: { count: 1, meanTokens: 10 },
  });
  expect(report.findings.map(({ kind }) => kind)).not.toContain("length-bias");
  const none = await opened([{ instruction: "a", output: "b" }]);
  expect((await none.data.inspect(none.spec)).answers).toBeNull();
});

test("the share in a mixed stage is that of chats and text: preferences have a stage of their own", async () => {
  const { data, spec } = await opened([pair]);
  const { sources } = await data.open([new File([jsonLines([{ instruction: "a", output: "b" }])], "chats.jsonl")]);
  const chats = sources.map(({ hash }) => ({ hash, mapping: null, lambda: 1, excluded: [] }));
  const report = await data.inspect({ ...spec, sources: [...spec.sources, ...chats] });
  expect(report.sources.map(({ realisedShare }) => realisedShare)).toEqual([0, 1]);
  expect(report.sources.map(({ byKind }) => byKind.preference.realisedShare)).toEqual([1, 0]);
});

describe("questions", () => {
  const at = (role: "user" | "assistant" | "system", content: string) => ({ role, content });
  const rejected = [at("assistant", "No.")];
  test.each([
    ["a pair", { prompt: [at("user", "Why?")], chosen: [at("assistant", "So.")], rejected }, "So."],
    [
      "with a system prompt",
      { prompt: [at("system", "S"), at("user", "Why?")], chosen: [at("assistant", "So.")], rejected },
      "So.",
    ],
    ["a wanted answer", { prompt: [at("user", "Why?")], chosen: [at("assistant", "So.")], rejected: [] }, "So."],
    ["an unwanted answer", { prompt: [at("user", "Why?")], chosen: [], rejected }, null],
    [
      "a longer conversation",
      { prompt: [at("user", "a"), at("assistant", "b"), at("user", "c")], chosen: [at("assistant", "d")], rejected },
      null,
    ],
  ] as const)("%s", (_, row, reference) => {
    const found = questionOf({ kind: "preference", ...row });
    expect(found).toEqual(reference === null ? null : { prompt: "Why?", reference });
  });

  test("the service asks the prompt of a row once, with the chosen answer", async () => {
    const { data, spec } = await opened([
      pair,
      { ...pair, chosen: "Other." },
      { prompt: "Who?", chosen: "I.", rejected: "No." },
    ]);
    const rows = [0, 0, 1, 2].map((row) => ({ source: 0, row }));
    expect(await data.questions(spec, rows)).toEqual([
      { prompt: "Why?", reference: "So." },
      { prompt: "Who?", reference: "I." },
    ]);
  });
});

test("the two answers of a pair are one group, every other example is its own", async () => {
  const { data, spec } = await opened([pair]);
  const [chosen, rejected] = (await data.row(spec, 0, 0)).examples;
  if (!chosen || !rejected) throw new Error("two answers were expected");
  const { answer: _, ...chat } = chosen;
  const single: PreviewExample = { ...rejected, answer: { side: "rejected", paired: false, begin: 1 } };
  expect(groupsOf([chat, chosen, rejected, single, chat])).toEqual([[chat], [chosen, rejected], [single], [chat]]);
  expect(sameTokens(chosen, rejected)).toBe(false);
  expect(sameTokens(chosen, { ...chosen, answer: { side: "rejected", paired: true, begin: 1 } })).toBe(true);
});
