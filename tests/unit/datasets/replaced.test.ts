/** Rows with U+FFFD, on the real service: left out unless the source's option uses them. */

import * as v from "valibot";
import { expect, test } from "vitest";
import { createDatasetService } from "../../../src/datasets/datasets.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { OptionsSchema, type SourceOptions } from "../../../src/run/source.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";
import { newDisk, tabOn } from "../storage/backend.ts";

const { json, config } = byteLevelTokenizer();
const pair = (output: string) => JSON.stringify({ instruction: `Say it: ${output.length}.`, output });

async function opened() {
  const data = createDatasetService(await openStorage(tabOn(newDisk())), () => undefined).during("test");
  await data.addModel({
    modelHash: "m",
    tokenizerJson: json,
    tokenizerConfig: config,
    chatTemplate: null,
    contextLength: 512,
  });
  const content = [pair("A caf\uFFFD."), pair("A wren."), pair("Half a pair: \ud83d here.")].join("\n");
  const { sources } = await data.open([new File([content], "a.jsonl")]);
  const hash = sources[0]?.hash ?? "";
  const spec = (options?: SourceOptions): DataSpec => ({
    modelHash: "m",
    sources: [{ hash, mapping: null, lambda: 1, excluded: [], ...(options && { options }) }],
    settings: {
      template: { kind: "built-in", name: "hone" },
      systemPrompt: null,
      mask: "responses",
      maxLength: 128,
      truncation: "drop",
    },
    mixture: "sampling",
    validationShare: 0,
    seed: 1,
  });
  return { data, spec };
}

test("they are left out of the list, the preview, the report and the training data", async () => {
  const { data, spec } = await opened();
  const heads = await data.heads(spec(), 0, 0, 3);
  expect(heads.map(({ state }) => state)).toEqual(["left out", "used", "left out"]);
  expect(heads[0]?.problem).toBe(
    'message 2 has U+FFFD at character 6, after "A caf"; correct it, or use rows with U+FFFD',
  );
  expect((await data.row(spec(), 0, 0)).problem).toBe(heads[0]?.problem);
  const report = await data.inspect(spec());
  expect(report).toMatchObject({ examples: 1, leftOutCount: 2 });
  expect(report.findings.find(({ kind }) => kind === "replacement-character")).toMatchObject({
    title: "2 rows contain U+FFFD and are left out",
    rows: { sources: [0, 0], rows: [0, 2] },
    remedy: "use-replaced",
  });
});

test("the option uses them in all of these places", async () => {
  const { data, spec } = await opened();
  const options = { replaced: true };
  expect((await data.heads(spec(options), 0, 0, 3)).map(({ state }) => state)).toEqual(["used", "used", "used"]);
  expect((await data.row(spec(options), 0, 0)).problem).toBeNull();
  expect(await data.inspect(spec(options))).toMatchObject({ examples: 3, leftOutCount: 0 });
});

test("an edit that corrects the row uses it without the option", async () => {
  const { data, spec } = await opened();
  const one = spec();
  const edits = [{ row: 0, value: pair("A café.") }];
  const edited = { ...one, sources: one.sources.map((source) => ({ ...source, edits })) };
  expect(await data.inspect(edited)).toMatchObject({ examples: 2, leftOutCount: 1 });
});

test("a record stores the option, and reads options without it", () => {
  expect(v.parse(OptionsSchema, { replaced: true })).toEqual({ replaced: true });
  expect(v.parse(OptionsSchema, { specialTokens: true })).toEqual({ specialTokens: true });
  expect(v.safeParse(OptionsSchema, { replaced: "yes" }).success).toBe(false);
});
