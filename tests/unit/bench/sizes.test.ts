/**
 * The parts of bench/sizes.ts. Oracles: the published byte length of SmolLM2-135M's file, Hone's own reader of safetensors and
 * tokenizer, and times counted by hand.
 */

import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { processorSecondsBetween } from "../../../bench/browserUse.ts";
import { writeFolder } from "../../../bench/sizes/folder.ts";
import { partsOf } from "../../../bench/sizes/parts.ts";
import type { Mark } from "../../../bench/sizes/recorder.ts";
import { makeRows } from "../../../bench/sizes/rows.ts";
import { shapeNames, shapes } from "../../../bench/sizes/shapes.ts";
import { makeTokenizer, specialTokens } from "../../../bench/sizes/tokenizer.ts";
import { readTokenizerFiles } from "../../../scripts/harness/modelFolder.ts";
import { tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { layoutSafetensors, readSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { EngineEvent } from "../../../src/protocol/engine.ts";
import { tokenizeExample } from "../../../src/quality/tokenize.ts";
import { beforeTasks } from "../../../src/run/beforeTasks.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { createTemplate, suggestTemplate } from "../../../src/templates/choose.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { bfloat16ToFloat32 } from "../../../src/tensor/convert.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";

const small = {
  ...shapes["smollm2-135m"],
  num_hidden_layers: 2,
  hidden_size: 72,
  intermediate_size: 64,
  vocab_size: 2000,
};

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "hone-sizes-test-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe("shapes", () => {
  it.each(shapeNames)("Hone takes the config of %s", (name) => {
    expect(defineModel(shapes[name]).vocabulary).toBe(shapes[name].vocab_size);
  });

  it("has the tensors of SmolLM2-135M, whose published file has 269,060,552 bytes", () => {
    const tensors = tensorsOfConfig(shapes["smollm2-135m"], { untied: false });
    const { head } = layoutSafetensors(
      tensors.map(({ name, shape }) => ({ name, shape, dtype: "BF16" as const })),
      { format: "pt" },
    );
    const elements = tensors.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    expect(head.length + 2 * elements).toBe(269_060_552);
  });
});

describe("writeFolder", () => {
  it("writes seeded weights of deviation 0.02 and norms of 1, the same bytes each time", async () => {
    const [one, two, other] = ["one", "two", "other"].map((name) => join(folder, name)) as [string, string, string];
    writeFolder(one, { config: small, seed: 3, tokenizer: null });
    writeFolder(two, { config: small, seed: 3, tokenizer: null });
    writeFolder(other, { config: small, seed: 4, tokenizer: null });
    const bytes = readFileSync(join(one, "model.safetensors"));
    expect(readFileSync(join(two, "model.safetensors")).equals(bytes)).toBe(true);
    expect(readFileSync(join(other, "model.safetensors")).equals(bytes)).toBe(false);

    const whole = Uint8Array.from(bytes);
    const { tensors } = await readSafetensors(bytesFromMemory("model.safetensors", whole));
    expect([...tensors.keys()].sort()).toEqual(
      tensorsOfConfig(small, { untied: false })
        .map(({ name }) => name)
        .sort(),
    );
    for (const { name, shape, start, end } of tensors.values()) {
      const values = bfloat16ToFloat32(new Uint16Array(whole.slice(start, end).buffer));
      if (shape.length === 1) {
        expect([name, [...new Set(values)]]).toEqual([name, [1]]);
        continue;
      }
      const deviation = Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
      // Of n numbers it varies by about 0.02 / √(2n); here n is 1,728 at least.
      expect(Math.abs(deviation - 0.02), name).toBeLessThan(6 * (0.02 / Math.sqrt(2 * values.length)));
    }
  });

  it("leaves a complete folder as it is", () => {
    const again = join(folder, "again");
    writeFolder(again, { config: small, seed: 3, tokenizer: null });
    const { mtimeMs } = statSync(join(again, "model.safetensors"));
    writeFolder(again, { config: small, seed: 5, tokenizer: null });
    expect(statSync(join(again, "model.safetensors")).mtimeMs).toBe(mtimeMs);
  });
});

describe("makeTokenizer", () => {
  it.each([600, 49_152, 128_256, 151_936])("has %i entries, and writes any text as it was", (size) => {
    const { json, config } = makeTokenizer(size);
    const tokenizer = createTokenizer(json, config);
    expect(tokenizer.size).toBe(size);
    const text = "The quick brown fox, 12 naïve 日本語 words.\n\tAnd more";
    const segments = [{ ...plain, text }];
    const { ids } = tokenizer.encode(segments);
    expect(Math.max(...ids)).toBeLessThan(size - specialTokens.length);
    expect(tokenizer.decode([...ids])).toBe(text);
  });

  it("refuses a size below its bytes, and one above four letters", () => {
    expect(() => makeTokenizer(200)).toThrow("A tokenizer of 200 entries cannot be made");
    expect(() => makeTokenizer(2_000_000)).toThrow("A tokenizer of 2000000 entries cannot be made");
  });
});

const plain = { kind: "content", role: null, message: null, answer: false, supervised: false, weight: 1 } as const;

describe("makeRows", () => {
  it.each([64, 200, 512])("makes rows that the page pads to %i tokens", async (length) => {
    const model = join(folder, "rows");
    writeFolder(model, { config: small, seed: 3, tokenizer: null });
    const files = await readTokenizerFiles(model);
    const tokenizer = createTokenizer(files.tokenizerJson, files.tokenizerConfig);
    const parts = { tokenizer, chatTemplate: files.chatTemplate };
    const rows = makeRows(12, length, parts, 9);
    expect(makeRows(12, length, parts, 9)).toEqual(rows);
    const settings = { ...defaultRecipe("lora"), maxLength: length };
    const template = createTemplate(suggestTemplate(parts), parts);
    for (const { instruction, output } of rows) {
      const messages = [
        { role: "user", content: instruction },
        { role: "assistant", content: output },
      ] as const;
      const example = { kind: "chat", messages, row: 0, line: 1 } as const;
      const tokenized = tokenizeExample(example, { tokenizer, template, settings });
      if (!("encoding" in tokenized)) throw new Error("The row was refused.");
      expect(tokenized.encoding.ids.length).toBeLessThanOrEqual(length);
      expect(tokenized.encoding.ids.length).toBeGreaterThan(length - 16);
    }
  });
});

describe("processorSecondsBetween", () => {
  it("interpolates between samples, and stops at the last", () => {
    const samples = [
      { at: 1000, processorSeconds: 10 },
      { at: 2000, processorSeconds: 12 },
      { at: 4000, processorSeconds: 13 },
    ];
    expect(processorSecondsBetween(samples, 1000, 2000)).toBe(2);
    expect(processorSecondsBetween(samples, 1500, 3000)).toBe(1.5);
    expect(processorSecondsBetween(samples, 3000, 9000)).toBe(0.5);
    expect(processorSecondsBetween([], 0, 1)).toBe(0);
  });
});

describe("partsOf", () => {
  const at = (seconds: number, event: object): Mark => ({
    at: 1000 * seconds,
    call: null,
    event: event as EngineEvent,
  });
  const run = (status: string, samples: number) => ({
    type: "run",
    record: { status, samples: Array(samples).fill({}) },
  });

  it("divides the time from the call to the first step, by the last report of each part", () => {
    const marks: Mark[] = [
      at(1, { type: "progress", task: "before", done: 1, total: 1 }),
      { at: 10_000, call: "startRun", event: null },
      at(12, run("running", 0)),
      at(13, { type: "progress", task: beforeTasks.weights, done: 1, total: 2 }),
      at(14, { type: "progress", task: beforeTasks.weights, done: 2, total: 2 }),
      at(15, run("running", 1)),
      at(19, run("running", 2)),
      at(24, { type: "evaluation", metrics: { step: 0 } }),
      at(25, { type: "watch" }),
      at(26, { type: "progress", task: beforeTasks.sessions, done: 0, total: 1 }),
      at(28, { type: "progress", task: beforeTasks.sessions, done: 1, total: 1 }),
      at(31, { type: "step", metrics: {} }),
      at(40, { type: "step", metrics: {} }),
    ];
    expect(partsOf(marks).map(({ seconds }) => seconds)).toEqual([2, 2, 5, 5, 1, 3, 3]);
  });

  it("gives no time to parts that a run does not have", () => {
    const marks: Mark[] = [
      { at: 0, call: "startRun", event: null },
      at(2, run("running", 0)),
      at(9, { type: "step", metrics: {} }),
    ];
    expect(partsOf(marks).map(({ seconds }) => seconds)).toEqual([2, 0, 0, 0, 0, 0, 7]);
  });

  it("throws where no run took a step", () => {
    expect(() => partsOf([{ at: 0, call: "startRun", event: null }])).toThrow("no first step");
  });
});
