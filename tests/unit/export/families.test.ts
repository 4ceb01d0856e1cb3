/**
 * The merged model of each family in its own layout. Oracle: the adapted or trained graph in the float64 reference
 * interpreter, and the names, types, shapes and config of the base's files. Seed: 5.
 */

import { expect, test as plain } from "vitest";
import { generationPorts } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { linearsOf, type Method, parametersOf, tensorsOfConfig } from "../../../src/artifacts/method.ts";
import { reopened } from "../../../src/export/files.ts";
import { exportMerged } from "../../../src/export/merged.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import type { TensorEntry } from "../../../src/hub/safetensors.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { defineModel } from "../../../src/models/define.ts";
import { memoryScratch } from "../../../src/storage/scratch.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { interpret, tensor } from "../../numeric/reference.ts";
import { test as withShared } from "../../support/shared.ts";
import { templateWriter } from "../../support/templateWriter.ts";
import { configs, openFolder, tensorsFor } from "../hub/folder.ts";
import { givenBy } from "./made.ts";

type Values = ReadonlyMap<string, Float32Array<ArrayBuffer>>;

const tokens = [3, 17, 250, 71, 9];

/** Logits after the last token, with `values` in place of the files' numbers. */
async function logits(opened: OpenModel, model: ModelDefinition, method: Method | null, values: Values = new Map()) {
  const shape = { tokens: tokens.length, capacity: 8 };
  const graph = compileGeneration(model, method, shape).graph();
  const specs = new Map(parametersOf(model, method).map((spec) => [spec.name, spec]));
  const given: Readonly<Record<string, readonly number[]>> = {
    [generationPorts.inputIds]: tokens,
    [generationPorts.start]: [0],
    [generationPorts.logitsIndex]: [tokens.length - 1],
  };
  const feeds: [string, ReturnType<typeof tensor>][] = [];
  for (const { name, shape: dimensions } of graph.inputs) {
    const source = specs.get(name)?.source;
    const stored =
      source?.kind === "checkpoint" ? source.tensor.toParameter(await opened.read(source.tensor.name)) : null;
    const data = given[name] ?? values.get(name) ?? stored ?? new Float32Array(sizeOf(dimensions));
    feeds.push([name, tensor(dimensions, data)]);
  }
  return [...(interpret(graph, Object.fromEntries(feeds))[generationPorts.logits]?.data ?? [])];
}

const described = (entries: ReadonlyMap<string, TensorEntry>) =>
  [...entries.values()].map(({ name, dtype, shape }) => `${name} ${dtype}[${shape.join(", ")}]`).sort();

async function requireRoundTrip(opened: OpenModel, kind: Method["kind"]) {
  const model = defineModel(opened.config, { untied: opened.untied });
  const targets = linearsOf(model).map(({ name }) => name);
  const method: Method = kind === "full" ? { kind } : { kind, rank: 2, alpha: 4, targets };
  const random = createRandom(5);
  const values = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, shape, trainable } of parametersOf(model, method)) {
    if (trainable)
      values.set(
        name,
        Float32Array.from({ length: sizeOf(shape) }, () => 0.2 * random.normal()),
      );
  }
  const tokenizer = createTokenizer(opened.tokenizerJson, opened.tokenizerConfig);
  const template = { choice: { kind: "built-in", name: "hone" }, systemPrompt: null } as const;
  const { files } = await exportMerged({
    opened,
    model,
    method,
    vocabulary: tokenizer,
    trained: givenBy(values),
    templates: templateWriter(template, { tokenizer, chatTemplate: opened.chatTemplate }),
    scratch: memoryScratch(),
  });
  const again = await openModel(reopened("exported", files), tensorsOfConfig);
  expect(described(again.stored)).toEqual(described(opened.stored));
  expect(again.config).toEqual(opened.config);
  expect(again.untied).toBe(opened.untied);
  const [wanted, found] = [await logits(opened, model, method, values), await logits(again, model, null)];
  const scale = Math.max(...wanted.map(Math.abs));
  expect(Math.max(...wanted.map((value, i) => Math.abs(value - (found[i] ?? Number.NaN))))).toBeLessThan(1e-5 * scale);
  const before = await logits(opened, model, null);
  expect(Math.max(...wanted.map((value, i) => Math.abs(value - (before[i] ?? Number.NaN))))).toBeGreaterThan(
    1e-2 * scale,
  );
}

const kinds = ["lora", "full"] as const;

plain.each(
  Object.keys(configs).flatMap((family) => kinds.map((kind) => [family as keyof typeof configs, kind] as const)),
)("a made %s, %s", async (family, kind) => {
  const config = configs[family];
  await requireRoundTrip(await openFolder({ config, tensors: tensorsFor(config) }), kind);
});

const published = ["gemma3", "gpt2", "granite", "neox", "olmo2", "qwen2", "qwen3", "smollm3"];

for (const name of published) {
  withShared(`tiny-${name}, lora and full`, async ({ shared }) => {
    const files = ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"];
    const sources = await Promise.all(
      files.map(async (file) => bytesFromMemory(file, await shared.bytes(`models/tiny-${name}/${file}`))),
    );
    const opened = await openModel(modelFromSources(name, sources), tensorsOfConfig);
    for (const kind of kinds) await requireRoundTrip(opened, kind);
  });
}
