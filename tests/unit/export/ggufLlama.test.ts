/**
 * GGUF files in llama.cpp. Oracle: llama.cpp itself (node-llama-cpp 3.21.1), frozen by `npm run gguf -- --freeze`: its ids of sixty
 * odd texts and of rendered conversations, and its greedy ids for a small model of every family (seed 11).
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { rowsOf } from "../../../scripts/oracle/exported.ts";
import {
  contextOf,
  openBase,
  promptOf,
  reopened,
  templatesOf,
  writeBundle,
} from "../../../scripts/oracle/gguf/compare.ts";
import { idsOf, type PromptIds, type TextIds, tokenizerOf } from "../../../scripts/oracle/gguf/texts.ts";
import { projectRoot } from "../../../scripts/setup.mjs";
import { linearsOf, parametersOf } from "../../../src/artifacts/method.ts";
import { exportGguf } from "../../../src/export/gguf.ts";
import { createPrompt } from "../../../src/generation/prompt.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { createTemplate, suggestTemplate } from "../../../src/templates/choose.ts";
import { initialAdapter } from "../../../src/training/parameters.ts";
import { ggufConfigs, llamaFolder } from "../../support/smallGguf.ts";

interface Golden {
  readonly seedling: { readonly tokens: readonly TextIds[]; readonly prompts: readonly PromptIds[] };
  readonly small: readonly { readonly family: string; readonly refused: boolean; readonly ids: readonly number[] }[];
}

const golden: Golden = JSON.parse(readFileSync(new URL("../../golden/gguf/llama.json", import.meta.url), "utf8"));

const place = mkdtempSync(join(tmpdir(), "hone-llama-"));
let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(place, { recursive: true });
});

/** The base model's F32 file: B of the adapter is zero. */
async function exported(folder: string, name: string): Promise<string> {
  const model = await openBase(folder, name);
  const { definition, opened, vocabulary } = model;
  const targets = linearsOf(definition).map((linear) => linear.name);
  const method = { kind: "lora", rank: 2, alpha: 2, targets } as const;
  const adapter = initialAdapter(parametersOf(definition, method), 3);
  const bundle = await exportGguf({
    ...{ model: definition, opened, vocabulary, method, name, systemPrompt: null, type: "F32" },
    trained: async (visit) => {
      for (const [tensor, values] of adapter) await visit(tensor, values);
    },
    templates: templatesOf(model),
    scratch: memoryScratch(),
  });
  return writeBundle(join(place, "out", name), bundle);
}

describe("Seedling", () => {
  const folder = join(projectRoot, "public", "models", "seedling");

  test("has llama.cpp's ids of sixty odd texts, before the export and after it", async () => {
    const before = tokenizerOf(await openBase(folder));
    const after = tokenizerOf(await openBase(await exported(folder, "seedling")));
    expect(golden.seedling.tokens.length).toBe(60);
    for (const { text, content, control } of golden.seedling.tokens) {
      for (const tokenizer of [before, after]) {
        expect(idsOf(tokenizer, text, "content"), JSON.stringify(text)).toEqual(content);
        expect(idsOf(tokenizer, text, "control"), JSON.stringify(text)).toEqual(control);
      }
    }
  });

  test("has llama.cpp's prompts", async () => {
    const model = await openBase(folder);
    const tokenizer = tokenizerOf(model);
    const { chatTemplate } = model.opened;
    const template = createTemplate(suggestTemplate({ tokenizer, chatTemplate }), { tokenizer, chatTemplate });
    expect(golden.seedling.prompts.length).toBeGreaterThan(2);
    for (const { messages, text, ids } of golden.seedling.prompts) {
      const prompt = createPrompt({ tokenizer, template, systemPrompt: null }, messages);
      expect([prompt.text, [...prompt.ids]]).toEqual([text, ids]);
    }
  });
});

test("the golden file has every small model", () => {
  expect(golden.small.map(({ family }) => family)).toEqual(Object.keys(ggufConfigs));
});

describe.each(golden.small)("small $family", ({ family, refused, ids }) => {
  test(refused ? "is refused by name" : "answers as in llama.cpp", async () => {
    const folder = join(place, "models", family);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(llamaFolder(ggufConfigs[family] ?? {})))
      writeFileSync(join(folder, file), content);
    const writing = exported(folder, `small ${family}`);
    if (refused) {
      await expect(writing).rejects.toThrow(/^(?:GGUF cannot express this model|llama\.cpp has no )/);
      return;
    }
    const file = await writing;
    const context = Math.min(await contextOf(file), 256);
    const model = await openBase(file);
    const [row = new Int32Array()] = rowsOf(model.definition.vocabulary, 1, 9);
    const asked = row.slice(0, Math.min(row.length, context));
    const own = await reopened(runtime, model, asked, context, async (answer) => answer.ids);
    expect(ids.length).toBeGreaterThan(0);
    expect(promptOf(asked, context)[1]).toBeGreaterThanOrEqual(ids.length);
    expect(own.slice(0, ids.length)).toEqual(ids);
    await runtime.releaseSessions();
  }, 60_000);
});
