/**
 * Files of strangers that never end, in the page's real workers, while a run trains. Oracle: the clock, the sentence that
 * a person reads, and the same run without any of it.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createEngineClient, type EngineClient, pageWorkers } from "../../src/client/client.ts";
import type { DataSpec } from "../../src/run/dataSpec.ts";
import { dataSpecOf } from "../../src/run/dataSpec.ts";
import type { RunRecord } from "../../src/run/record.ts";
import { wholeSource } from "../../src/run/source.ts";
import { isLong } from "../support/long.ts";
import { recipeOf } from "../support/recipe.ts";
import { asFiles, type ModelFiles, speakingModel, tinyRows } from "../support/tinyLlama.ts";

const jsonFile = (name: string, rows: unknown) => new File([JSON.stringify(rows)], name);
const recipe = recipeOf("lora", {
  maxLength: 64,
  steps: 400,
  evaluateEvery: 50,
  checkpointEvery: 100,
  samplePrompts: 1,
});
/** Every input is ended or refused within this. */
const seconds = 10;

let client: EngineClient;
let modelHash: string;
let source: string;
const losses = new Map<string, number[]>();

const train = async (name: string): Promise<RunRecord> => {
  const record = await client.engine.startRun({ name, modelHash, sources: [wholeSource(source)], recipe });
  losses.set(name, [...(await client.engine.curvesOf(record.id)).steps.loss]);
  return record;
};

beforeAll(async () => {
  // The quick form looks more often, so that it ends earlier; the sentence is the same.
  client = createEngineClient(pageWorkers, isLong ? {} : { every: 600 });
  await client.engine.start("wasm");
  ({ hash: modelHash } = await client.engine.openModel({ kind: "files", files: asFiles(speakingModel()) }));
  const opened = await client.data.open([jsonFile("pairs.json", tinyRows())]);
  source = opened.sources[0]?.hash ?? "";
  expect(await train("alone")).toMatchObject({ status: "finished", step: 400 });
}, 300_000);
afterAll(() => client.restart());

/** The speaking model with a part of its tokenizer changed. */
function withTokenizer(change: object): ModelFiles {
  const files = speakingModel();
  return { ...files, "tokenizer.json": JSON.stringify({ ...JSON.parse(String(files["tokenizer.json"])), ...change }) };
}
const splitBy = (Regex: string) => ({
  pre_tokenizer: {
    type: "Sequence",
    pretokenizers: [
      { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false },
      { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
    ],
  },
});
const replacing = (Regex: string) => ({ normalizer: { type: "Replace", pattern: { Regex }, content: "x" } });

const aaa = `${"a".repeat(40)}!`;
const patterns: readonly (readonly [name: string, change: object, text: string])[] = [
  ["(a+)+$ in a Split", splitBy("(a+)+$"), aaa],
  ["(a|aa)+$ in a Replace", replacing("(a|aa)+$"), aaa],
  ["(\\w+\\s?)+$ on words", splitBy("(\\w+\\s?)+$"), `${"word".repeat(12)}!`],
  ...(isLong
    ? ([
        ["(a|a)*b", splitBy("(a|a)*b"), aaa],
        ["((a*)*)*b", splitBy("((a*)*)*b"), aaa],
        ["(x+x+)+y", splitBy("(x+x+)+y"), "x".repeat(60)],
        ["([a-z]+)*[0-9]", splitBy("([a-z]+)*[0-9]"), aaa],
        ["(?:a|a?)+b in a Replace", replacing("(?:a|a?)+b"), aaa],
        ["(\\p{L}+)+\\d", splitBy("(\\p{L}+)+\\d"), "ä".repeat(45)],
        ["( +)+x in a Replace", replacing("( +)+x"), `a${" ".repeat(45)}b`],
      ] as const)
    : []),
];

/** What the call said, and how long it took. */
async function outcome(call: () => Promise<unknown>): Promise<{ error: Error | null; took: number }> {
  const began = performance.now();
  const error = await call().then(
    () => null,
    (thrown: Error) => thrown,
  );
  return { error, took: (performance.now() - began) / 1000 };
}

describe("while a run trains", { timeout: 600_000 }, () => {
  test("patterns that never end are ended and named, good calls beside them are answered, and the run is the same", async () => {
    const running = train("beside");
    await expect
      .poll(async () => (await client.engine.listRuns()).some(({ status }) => status === "running"))
      .toBe(true);
    for (const [name, change, text] of patterns) {
      const model = await client.engine.openModel({ kind: "files", files: asFiles(withTokenizer(change)) });
      const rows = await client.data.open([jsonFile("odd.json", [{ instruction: text, output: "yes" }])]);
      const hash = rows.sources[0]?.hash ?? "";
      const spec: DataSpec = dataSpecOf(model.hash, [wholeSource(hash)], recipe);
      await client.data.addModel(await client.engine.tokenizerFiles(model.hash));
      const hanging = outcome(() => client.data.inspect(spec));
      const good = client.data.list();
      const { error, took } = await hanging;
      expect([name, error?.name]).toEqual([name, "WorkStopped"]);
      expect(error?.message).toMatch(/^tokenizer\.json.* did not end on row 1 of odd\.json within 5 seconds/);
      expect(took).toBeLessThan(seconds);
      expect((await good).map((summary) => summary.hash)).toContain(source);
      // The engine's calls meet the same end, and the service is whole again after it.
      const question = { modelHash: model.hash, runId: null, checkpoint: null, systemPrompt: null } as const;
      const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 4, seed: 0 };
      const asking = await outcome(() =>
        client.engine.answer({
          ...question,
          requestId: name,
          template: recipe.template,
          messages: [{ role: "user", content: text }],
          sampling,
        }),
      );
      expect(asking.error?.message).toMatch(/^tokenizer\.json.* did not end on prompt 1 within 5 seconds/);
      expect(asking.took).toBeLessThan(seconds);
      await client.engine.deleteModel(model.hash);
      await client.data.delete(hash);
    }
    expect(await running).toMatchObject({ status: "finished", reason: null, step: 400 });
    expect(losses.get("beside")).toEqual(losses.get("alone"));
    expect((await client.engine.report()).problems).toEqual([]);
  });

  test("a run whose own rows never end is ended while it is prepared, and the next one trains", async () => {
    const files = asFiles(withTokenizer(splitBy("(a+)+$")));
    const model = await client.engine.openModel({ kind: "files", files });
    const rows = await client.data.open([jsonFile("own.json", [...tinyRows(), { instruction: aaa, output: "yes" }])]);
    const sources = rows.sources.map(({ hash }) => wholeSource(hash));
    const request = { name: "never", modelHash: model.hash, sources, recipe };
    const { error, took } = await outcome(() => client.engine.startRun(request));
    expect(error?.message).toMatch(/^tokenizer\.json.* did not end on row \d+ of own\.json within 5 seconds/);
    expect(took).toBeLessThan(seconds);

    const cancel = new AbortController();
    const cancelled = outcome(() => client.engine.startRun(request, cancel.signal));
    await new Promise((resolve) => setTimeout(resolve, 1500));
    const pressed = performance.now();
    cancel.abort();
    expect((await cancelled).error?.name).toBe("AbortError");
    expect(performance.now() - pressed).toBeLessThan(1000);
    expect((await client.engine.listRuns()).map(({ name }) => name)).not.toContain("never");
    expect(await train("after")).toMatchObject({ status: "finished" });
    expect(losses.get("after")).toEqual(losses.get("alone"));
  });
});
