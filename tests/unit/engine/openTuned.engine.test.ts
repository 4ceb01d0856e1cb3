/**
 * Weights of another tool as a run, on wasm. Oracles: the run that wrote the files (equal answers, equal merged model, equal loss at
 * the start of the next run), and the hash of the same weights.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { unzipSync, zipSync } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { goldenFolder } from "../../../scripts/oracle/adapters.ts";
import { linearsIn } from "../../../src/artifacts/method.ts";
import type { AdapterTensors } from "../../../src/export/combinePairs.ts";
import { noBase, readAdapter } from "../../../src/export/readAdapter.ts";
import type { GgufData } from "../../../src/gguf/types.ts";
import { layoutGguf } from "../../../src/gguf/write.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import type { ModelDefinition } from "../../../src/models/architecture.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { EngineApi, Exported, TunedFiles } from "../../../src/protocol/engine.ts";
import { exportedFrom } from "../../../src/run/origin.ts";
import { defaultRecipe, type Recipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import type { SourceChoice } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { smallFamilies, smallFolder } from "../../support/smallFamilies.ts";
import { asFiles, tinyConfig, tinyModel, tinyRows } from "../../support/tinyLlama.ts";

const template = { kind: "built-in", name: "hone" } as const;
const lora = { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] };
const recipe: Recipe = recipeWith(defaultRecipe("lora"), {
  lora,
  template,
  systemPrompt: null,
  learningRate: 5e-2,
  warmupRatio: 0,
  batchSize: 4,
  accumulation: 1,
  maxLength: 128,
  steps: 6,
  evaluateEvery: 6,
  checkpointEvery: 6,
  samplePrompts: 0,
  watchEvery: null,
  validationShare: 0.2,
});

async function openEngine() {
  const { engine, data } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  return { engine, modelHash, sources: [await takeIn(data, tinyRows())] };
}

let engine: EngineApi;
let modelHash: string;
let sources: readonly SourceChoice[];
const runs: Partial<Record<Recipe["method"], RunRecord>> = {};

beforeAll(async () => {
  ({ engine, modelHash, sources } = await openEngine());
  for (const method of ["lora", "full"] as const) {
    const change = method === "full" ? { learningRate: 2e-2 } : {};
    runs[method] = await engine.startRun({
      name: `the ${method} run`,
      modelHash,
      sources,
      recipe: recipeWith(recipe, { ...change, method }),
    });
  }
}, 300_000);

function runOf(method: Recipe["method"]): RunRecord {
  const run = runs[method];
  if (run?.status !== "finished") throw new Error(run?.reason ?? `the ${method} run has not finished`);
  return run;
}

/** A GGUF LoRA in F32, with llama.cpp's names and order of rows. */
function ggufOf(model: ModelDefinition, { rank, alpha }: typeof lora, values: AdapterTensors): Uint8Array {
  const keys = new Map<string, GgufData>([
    ["general.type", { type: "string", value: "adapter" }],
    ["general.architecture", { type: "string", value: "llama" }],
    ["adapter.type", { type: "string", value: "lora" }],
    ["adapter.lora.alpha", { type: "float32", value: alpha }],
  ]);
  const parts = linearsIn(model).flatMap(({ path, shape: [out, width] }) => {
    const place = model.gguf()?.names(`${path}.weight`);
    const [down, up] = [values.get(`${path}.lora_A.weight`), values.get(`${path}.lora_B.weight`)];
    if (!place || !down || !up) return [];
    const turned = new Float32Array(up.length);
    for (let row = 0; row < out; row++) {
      turned.set(up.subarray(row * rank, (row + 1) * rank), (place.rows?.(row) ?? row) * rank);
    }
    return [
      { name: `${place.tensor}.lora_a`, type: "F32" as const, shape: [rank, width], data: down },
      { name: `${place.tensor}.lora_b`, type: "F32" as const, shape: [out, rank], data: turned },
    ];
  });
  const { head, tensors, byteLength } = layoutGguf(keys, parts);
  const file = new Uint8Array(byteLength);
  file.set(head);
  tensors.forEach(({ start }, i) => void file.set(new Uint8Array(parts[i]?.data.buffer ?? new ArrayBuffer()), start));
  return file;
}

const unpacked = async ({ archive }: Exported) => unzipSync(new Uint8Array(await archive.arrayBuffer()));

const asTuned = (files: Readonly<Record<string, Uint8Array>>, name = "from there"): TunedFiles => ({
  modelHash,
  name,
  files: Object.entries(files).map(([path, bytes]) => ({
    path,
    file: new File([new Uint8Array(bytes)], path.slice(path.lastIndexOf("/") + 1)),
  })),
  template,
  systemPrompt: null,
});

async function answersOf(run: Pick<RunRecord, "id" | "recipe">) {
  const texts: string[] = [];
  for (const question of ["Say 1.", "Say la la 7.", "What is it?"]) {
    const { text } = await engine.answer({
      requestId: question,
      modelHash,
      runId: run.id,
      checkpoint: null,
      template: run.recipe.template,
      systemPrompt: run.recipe.systemPrompt,
      messages: [{ role: "user", content: question }],
      sampling: { temperature: 0.7, topK: null, topP: null, maxTokens: 12, seed: 1 },
    });
    texts.push(text);
  }
  return texts;
}

const evaluationOf = async (id: string, step: number) =>
  (await engine.curvesOf(id)).evaluations.find((found) => found.step === step)?.loss;

describe("an adapter", () => {
  test("answers as the run that wrote it, and its merged model is that run's, byte for byte", async () => {
    const run = runOf("lora");
    const files = await unpacked(await engine.exportAdapter(run.id, null));
    const { record, added, notes } = await engine.openTuned(asTuned(files));
    expect({ added, notes }).toEqual({ added: true, notes: [] });
    expect(record).toMatchObject({
      name: "from there",
      status: "finished",
      step: 0,
      totalSteps: 0,
      trainable: run.trainable,
      recipe: { method: "lora", lora },
      origin: { format: "peft", file: "from there", baseModel: "tiny" },
    });
    expect(await answersOf(record)).toEqual(await answersOf(run));
    const [own, theirs] = [await engine.exportModel(record.id, null), await engine.exportModel(run.id, null)];
    expect(own.notes[0]).toBe("Weights of from there, as they were opened.");
    // The model cards differ: one is of a run, the other of a file.
    const { "README.md": ownCard, ...ownFiles } = await unpacked(own);
    const { "README.md": theirCard, ...theirFiles } = await unpacked(theirs);
    expect(ownFiles).toEqual(theirFiles);
    const text = (card: Uint8Array | undefined) => new TextDecoder().decode(card);
    expect(text(ownCard)).toContain("Another tool trained it from tiny; its file was from there.");
    expect(text(theirCard)).toContain("Hone trained it from tiny.");
    // Opened again, in a zip of another program, in a folder below, it is the same run.
    const inFolder = Object.entries(files).map(([name, bytes]) => [`out/${name}`, bytes] as const);
    const packed = zipSync({
      ...Object.fromEntries(inFolder),
      "out/checkpoint-9/adapter_config.json": new Uint8Array(9),
    });
    const again = await engine.openTuned(asTuned({ "adapter.zip": packed }, "adapter.zip"));
    expect(again).toMatchObject({ added: false, record: { id: record.id } });
  }, 120_000);

  test("that was trained further names the run of its export; an odd hone.json names none", async () => {
    const run = runOf("lora");
    const files = await unpacked(await engine.exportAdapter(run.id, null));
    expect(JSON.parse(new TextDecoder().decode(files["hone.json"]))).toEqual({ run: run.id, step: run.step });
    const weights = files["adapter_model.safetensors"] ?? new Uint8Array();
    let times = 0;
    const opened = async (lineage: string) => {
      // Other weights each time: the same ones would be the run that is open already.
      const trained = weights.slice();
      trained[trained.length - 4] = ++times;
      const changed = { "adapter_model.safetensors": trained, "hone.json": new TextEncoder().encode(lineage) };
      return (await engine.openTuned(asTuned({ ...files, ...changed }))).record;
    };
    const record = await opened(JSON.stringify({ run: run.id, step: run.step, more: 1 }));
    expect(record.origin?.from).toEqual({ runId: run.id, step: run.step });
    const runs = await engine.listRuns();
    expect(exportedFrom(record, runs)?.id).toBe(run.id);
    expect(exportedFrom({ ...record, model: { ...record.model, hash: "0" } }, runs)).toBe(null);
    expect(exportedFrom(run, runs)).toBe(null);
    for (const odd of [
      ...[
        "",
        "[]",
        "null",
        "{",
        '{"run":1,"step":0}',
        '{"run":"a","step":-1}',
        '{"run":"a","step":1.5}',
        '{"run":"a"}',
      ],
      ...['{"run":"","step":0}', '{"run":"../a","step":0}', `{"run":"${"a".repeat(101)}","step":0}`],
      `{"run":"a","step":0,"more":"${"a".repeat(20_000)}"}`,
    ]) {
      const { id, origin } = await opened(odd);
      expect(origin).not.toHaveProperty("from");
      await engine.deleteRun(id);
    }
    await engine.deleteRun(record.id);
  }, 120_000);

  test("a run starts from it, with its hash, and its first loss is that of the trained adapter", async () => {
    const run = runOf("lora");
    const { record } = await engine.openTuned(asTuned(await unpacked(await engine.exportAdapter(run.id, null))));
    const request = { name: "further", modelHash, sources, recipe: recipeWith(recipe, { steps: 1 }) };
    const next = await engine.startRun({ ...request, from: { runId: record.id, checkpoint: null } });
    expect(next).toMatchObject({
      status: "finished",
      start: { runId: record.id, name: record.name, step: 0, hash: record.origin?.hash },
    });
    const before = await evaluationOf(run.id, 6);
    expect(before).toBeTypeOf("number");
    expect(await evaluationOf(next.id, 0)).toBe(before);
    // From a run of Hone's own, the same weights have the same hash.
    const own = await engine.startRun({ ...request, name: "own", from: { runId: run.id, checkpoint: 6 } });
    expect(own.start).toEqual({ runId: run.id, name: run.name, step: 6, hash: record.origin?.hash });
    expect(await evaluationOf(own.id, 1)).toBe(await evaluationOf(next.id, 1));
    for (const [change, message] of [
      [{ lora: { ...lora, rank: 8 } }, /has the rank 4, but this run has 8: choose/],
      [{ lora: { ...lora, alpha: 4 } }, /has the alpha 8, but this run has 4/],
      [{ lora: { ...lora, targets: ["q_proj"] } }, /has the targets .*, but this run has q_proj/],
      [{ method: "full" }, /has the method lora, but this run has full/],
    ] as const) {
      const other = { ...request, recipe: recipeWith(recipe, change), from: { runId: record.id, checkpoint: null } };
      await expect(engine.startRun(other)).rejects.toThrow(message);
    }
  }, 120_000);

  test("as a run file it goes to another browser", async () => {
    const { record } = await engine.openTuned(
      asTuned(await unpacked(await engine.exportAdapter(runOf("lora").id, null))),
    );
    const { archive } = await engine.exportRun(record.id);
    const other = await openEngine();
    const imported = await other.engine.importRun(new File([archive], "run.zip"));
    expect(imported).toMatchObject({ added: true, record });
    expect(await other.engine.checkpointsOf(record.id)).toMatchObject([{ step: 0, loss: null, best: false }]);
  }, 120_000);
});

test("a GGUF LoRA answers as the run whose adapter it has", async () => {
  const run = runOf("lora");
  const files = await unpacked(await engine.exportAdapter(run.id, null));
  const model = defineModel(tinyConfig);
  const sources = Object.entries(files).map(([name, bytes]) => bytesFromMemory(name, new Uint8Array(bytes)));
  const { tensors } = await readAdapter(modelFromSources("adapter", sources), model, noBase);
  const { record: peft } = await engine.openTuned(asTuned(files));
  await engine.deleteRun(peft.id);
  const { record } = await engine.openTuned(asTuned({ "lora.gguf": ggufOf(model, lora, tensors) }, "lora.gguf"));
  expect(record.origin).toMatchObject({ format: "gguf", file: "lora.gguf", hash: peft.origin?.hash });
  expect(await answersOf(record)).toEqual(await answersOf(run));
  await engine.deleteRun(record.id);
  const beside = { "lora.gguf": ggufOf(model, lora, tensors), "hone.json": files["hone.json"] ?? new Uint8Array() };
  const linked = await engine.openTuned(asTuned(beside, "from there"));
  expect(linked.record.origin).toMatchObject({ format: "gguf", from: { runId: run.id, step: run.step } });
});

test("a whole model answers as the run that wrote it", async () => {
  const run = runOf("full");
  const files = await unpacked(await engine.exportModel(run.id, null));
  const { record, added } = await engine.openTuned(asTuned(files, "trained"));
  expect(added).toBe(true);
  // Its folder has the run's template.
  expect(record).toMatchObject({
    recipe: { method: "full", template: { kind: "custom" } },
    origin: { format: "model" },
  });
  expect(await answersOf(record)).toEqual(await answersOf(run));
  expect((await unpacked(await engine.exportModel(record.id, null)))["model.safetensors"]).toEqual(
    files["model.safetensors"],
  );
  const request = { name: "further", modelHash, sources, recipe: recipeWith(recipe, { steps: 1, method: "full" }) };
  const next = await engine.startRun({ ...request, from: { runId: record.id, checkpoint: null } });
  expect(next.start?.hash).toBe(record.origin?.hash);
  expect(await evaluationOf(next.id, 0)).toBe(await evaluationOf(run.id, 6));
}, 120_000);

test("ranks that were filled with zeros stay so in training, and the rest is trained", async () => {
  const { engine: other, data } = await engineHere(nodeEntries);
  await other.start("wasm");
  const model = await other.openModel({
    kind: "files",
    files: asFiles(smallFolder(smallFamilies.Llama ?? {})),
    name: "small",
  });
  const folder = join(goldenFolder, "ranks");
  const names = ["adapter_config.json", "adapter_model.safetensors"];
  const golden = Object.fromEntries(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))]));
  const { record } = await other.openTuned({ ...asTuned(golden), modelHash: model.hash });
  const next = await other.startRun({
    name: "further",
    modelHash: model.hash,
    sources: [await takeIn(data, tinyRows())],
    recipe: recipeWith(recipe, { lora: record.recipe.lora, steps: 3, weightDecay: 0.1 }),
    from: { runId: record.id, checkpoint: null },
  });
  expect(next.status).toBe("finished");
  const numbersOf = async (id: string) => {
    const files = await unpacked(await other.exportAdapter(id, null));
    const sources = Object.entries(files).map(([name, bytes]) => bytesFromMemory(name, new Uint8Array(bytes)));
    return (await readAdapter(modelFromSources("adapter", sources), defineModel(smallFamilies.Llama), noBase)).tensors;
  };
  const [before, after] = [await numbersOf(record.id), await numbersOf(next.id)];
  // Rank 2 of 6, by the golden's rank_pattern.
  const [a, b] = ["A", "B"].map((side) => `model.layers.1.self_attn.q_proj.lora_${side}.weight`) as [string, string];
  const width = (before.get(a)?.length ?? 0) / 6;
  expect(
    after
      .get(a)
      ?.subarray(2 * width)
      .every((value) => value === 0),
  ).toBe(true);
  expect(after.get(b)?.every((value, i) => i % 6 < 2 || value === 0)).toBe(true);
  expect(after.get(a)?.subarray(0, 2 * width)).not.toEqual(before.get(a)?.subarray(0, 2 * width));
  expect(after.get(b)).not.toEqual(before.get(b));
}, 120_000);

test("a trainer's checkpoint without a tokenizer opens; another tokenizer is noted", async () => {
  const files = await unpacked(await engine.exportModel(runOf("full").id, null));
  const { "tokenizer.json": tokenizer, "tokenizer_config.json": _, "chat_template.jinja": __, ...rest } = files;
  for (const { id, origin } of await engine.listRuns()) if (origin) await engine.deleteRun(id);
  const bare = await engine.openTuned(asTuned(rest));
  expect(bare).toMatchObject({ added: true, notes: [], record: { recipe: { template } } });
  await engine.deleteRun(bare.record.id);
  const json = JSON.parse(new TextDecoder().decode(tokenizer));
  const added = { ...json.added_tokens[0], id: 9999, content: "<tool>", special: true };
  const other = new TextEncoder().encode(JSON.stringify({ ...json, added_tokens: [...json.added_tokens, added] }));
  const adapter = await unpacked(await engine.exportAdapter(runOf("lora").id, null));
  const { notes } = await engine.openTuned(asTuned({ ...adapter, "tokenizer.json": other }));
  expect(notes).toEqual([
    expect.stringMatching(/^Its tokenizer has tokens that .* lacks, or under other ids \(<tool>\)/),
  ]);
}, 120_000);

describe("refused, and nothing is stored", () => {
  const text = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const rows: [string, (adapter: Record<string, Uint8Array>, model: Record<string, Uint8Array>) => object, RegExp][] = [
    ["nothing of use", () => ({ "notes.txt": text(1) }), /has no adapter and no model: choose a folder or zip/],
    [
      "one file of two",
      (a) => ({ "adapter_config.json": a["adapter_config.json"] }),
      /has no adapter_model\.safetensors/,
    ],
    [
      "a pickle",
      (a) => ({ "adapter_config.json": a["adapter_config.json"], "adapter_model.bin": text(1) }),
      /has adapter_model\.bin, a pickle of PyTorch: save the adapter as safetensors/,
    ],
    [
      "two checkpoints",
      (a) => ({
        "c-1/adapter_config.json": a["adapter_config.json"],
        "c-2/adapter_config.json": a["adapter_config.json"],
      }),
      /has several of them \(c-1, c-2\)/,
    ],
    ["a broken zip", () => ({ "a.zip": text("PK") }), /is no zip file, or is cut off: choose the folder itself/],
    [
      "a model of another form",
      (_, m) => ({
        ...m,
        "config.json": text({ ...JSON.parse(new TextDecoder().decode(m["config.json"])), rms_norm_eps: 0.05 }),
      }),
      /is no tuned form of tiny: its rms_norm_eps is 0\.05, not .*\. Open it under Model/,
    ],
  ];
  test.each(rows)("%s", async (_, make, message) => {
    const adapter = await unpacked(await engine.exportAdapter(runOf("lora").id, null));
    const model = await unpacked(await engine.exportModel(runOf("full").id, null));
    const before = await engine.listRuns();
    await expect(engine.openTuned(asTuned(make(adapter, model) as Record<string, Uint8Array>))).rejects.toThrow(
      message,
    );
    expect(await engine.listRuns()).toEqual(before);
  });
});
