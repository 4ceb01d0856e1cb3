/**
 * The engine's exports, from a run on wasm to the unzipped files. Oracles: the run's own checkpoint and one seed: the
 * exported model, opened again, gives the same answers; and the adapter, merged by hand into the base, equals the
 * exported weights.
 */

import { unzipSync } from "fflate";
import { beforeAll, expect, test } from "vitest";
import { mergeAdapter } from "../../../src/export/merge.ts";
import { noBase, readAdapter } from "../../../src/export/readAdapter.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import { readModel } from "../../../src/onnx/model.ts";
import type { EngineApi, EngineEvent, Exported } from "../../../src/protocol/engine.ts";
import type { Recipe } from "../../../src/run/recipe.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { recipeWith } from "../../support/recipe.ts";
import { asFiles, tinyConfig, tinyModel, tinyRows, tinyTensors } from "../../support/tinyLlama.ts";

const recipe: Recipe = recipeWith(defaultRecipe("lora"), {
  lora: { rank: 4, alpha: 8, targets: ["q_proj", "v_proj", "down_proj"] },
  template: { kind: "built-in", name: "hone" },
  systemPrompt: "Count.",
  learningRate: 5e-2,
  warmupRatio: 0,
  batchSize: 4,
  accumulation: 1,
  maxLength: 128,
  steps: 12,
  evaluateEvery: 100,
  checkpointEvery: 2,
  samplePrompts: 0,
  validationShare: 0,
});

let engine: EngineApi;
const events: EngineEvent[] = [];
/** The step after which the training run is paused; null means never. */
let pauseAt: number | null = null;
const runs: Partial<Record<Recipe["method"], RunRecord>> = {};

/** An engine with its own storage, and a way to open the tiny model and its rows. */
async function openEngine(emit: (event: EngineEvent) => void) {
  const { engine: made, data, onEvent } = await engineHere(nodeEntries);
  onEvent(emit);
  await made.start("wasm");
  const openTiny = async () => {
    const files = asFiles(tinyModel());
    const { hash: modelHash } = await made.openModel({ kind: "files", files, name: "tiny" });
    return { modelHash, sources: [await takeIn(data, tinyRows())] };
  };
  return { engine: made, openTiny };
}

beforeAll(async () => {
  const opened = await openEngine((event) => {
    events.push(event);
    if (event.type === "step" && event.metrics.step === pauseAt) void engine.pauseRun();
  });
  engine = opened.engine;
  const { modelHash, sources } = await opened.openTiny();
  for (const method of ["lora", "full"] as const) {
    const change = method === "full" ? { learningRate: 2e-2 } : {};
    runs[method] = await engine.startRun({
      name: method,
      modelHash,
      sources,
      recipe: recipeWith(recipe, { ...change, method }),
    });
  }
}, 300_000);

const runOf = (method: Recipe["method"]) => {
  const run = runs[method];
  if (run?.status !== "finished") throw new Error(run?.reason ?? `the ${method} run has not finished`);
  return run;
};

async function unpacked({ archive, files }: Exported) {
  const unzipped = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  expect(files).toEqual(Object.entries(unzipped).map(([name, bytes]) => ({ name, byteLength: bytes.length })));
  return unzipped;
}

/** Seeded answers depend on every logit, so another model gives other texts. */
async function answers(modelHash: string, runId: string | null, own: boolean) {
  const texts: string[] = [];
  for (const question of ["Say 1.", "Say la la 7.", "What is it?"]) {
    const { text } = await engine.answer({
      requestId: question,
      modelHash,
      runId,
      checkpoint: null,
      template: own ? { kind: "model" } : recipe.template,
      // The exported template contains the run's system prompt.
      systemPrompt: own ? null : recipe.systemPrompt,
      messages: [{ role: "user", content: question }],
      sampling: { temperature: 0.7, topK: null, topP: null, maxTokens: 12, seed: 1 },
    });
    texts.push(text);
  }
  return texts;
}

test.each(["lora", "full"] as const)(
  "the merged model of a %s run answers as the run's checkpoint does",
  async (method) => {
    const run = runOf(method);
    const exported = await engine.exportModel(run.id, null);
    expect(exported.notes).toEqual([
      "Weights of step 12: the newest checkpoint.",
      expect.stringMatching(/^Answers end with the text <\|end\|> before <\/s>/),
    ]);
    const unzipped = await unpacked(exported);
    const files = Object.entries(unzipped).map(([name, bytes]) => new File([new Uint8Array(bytes)], name));
    const again = await engine.openModel({ kind: "files", files, name: `exported ${method}` });
    expect(again.chatTemplate).toBe(true);
    expect(again.notes).toEqual([]);
    const wanted = await answers(run.model.hash, run.id, false);
    expect(await answers(again.hash, null, true)).toEqual(wanted);
    expect(await answers(run.model.hash, null, false)).not.toEqual(wanted);
    expect(events).toContainEqual({ type: "progress", task: "Writing the merged model", done: 11, total: 11 });
  },
  300_000,
);

test("the adapter's numbers, merged by hand, are the merged model's", async () => {
  const run = runOf("lora");
  const { notes, ...adapter } = await engine.exportAdapter(run.id, null);
  expect(notes).toEqual([
    "Weights of step 12: the newest checkpoint.",
    expect.stringMatching(/^Answers end with the text <\|end\|> before <\/s>/),
  ]);
  const unzipped = await unpacked({ notes, ...adapter });
  expect(Object.keys(unzipped)).toEqual([
    "adapter_config.json",
    "adapter_model.safetensors",
    "hone.json",
    "chat_template.jinja",
    "README.md",
  ]);
  const card = new TextDecoder().decode(unzipped["README.md"]);
  expect(card).toMatch(/^---\nlibrary_name: peft\npipeline_tag: text-generation\ntags:\n- hone\n- lora\n---\n/);
  expect(card).toContain(JSON.stringify(run.recipe, null, 2));
  expect(card).toContain(`The weights are those of step 12 of ${run.totalSteps}.`);
  const sources = Object.entries(unzipped).map(([name, bytes]) => bytesFromMemory(name, new Uint8Array(bytes)));
  const definition = defineModel(tinyConfig);
  const { method, tensors, baseModel } = await readAdapter(modelFromSources("adapter", sources), definition, noBase);
  expect(method).toEqual({ kind: "lora", ...recipe.lora });
  expect(baseModel).toBe("tiny");

  const model = await unpacked(await engine.exportModel(run.id, null));
  const bytes = new Uint8Array(model["model.safetensors"] ?? []);
  const merged = await readSafetensors(bytesFromMemory("model.safetensors", bytes));
  let changed = 0;
  for (const { name, data } of tinyTensors()) {
    const entry = merged.tensors.get(name);
    const found = new Float32Array(bytes.slice(entry?.start, entry?.end).buffer);
    const module = name.replace(/\.weight$/, "");
    const [down, up] = [tensors.get(`${module}.lora_A.weight`), tensors.get(`${module}.lora_B.weight`)];
    expect(found).toEqual(down && up ? mergeAdapter(data, down, up, method) : data);
    if (down && up) {
      expect(found).not.toEqual(data);
      changed++;
    }
  }
  expect(changed).toBe(3);
});

test("an impossible export is refused with the way out", async () => {
  await expect(engine.exportAdapter(runOf("full").id, null)).rejects.toThrow(
    'Run "full" trained every parameter, so it has no adapter: export the merged model.',
  );
  await expect(engine.exportModel("none", null)).rejects.toThrow(/There is no run none in this browser/);
  const controller = new AbortController();
  controller.abort();
  await expect(engine.exportModel(runOf("lora").id, null, controller.signal)).rejects.toThrow(/abort/i);
});

test("the artifacts are four graphs that are parsed again, in the archive and as single files", async () => {
  const { artifacts, ...exported } = await engine.exportArtifacts(runOf("lora").id);
  const unzipped = await unpacked(exported);
  expect(exported.step).toBe(null);
  expect(Object.keys(unzipped)).toEqual([
    "training_model.onnx",
    "optimizer_model.onnx",
    "eval_model.onnx",
    "generation_model.onnx",
  ]);
  for (const { name, content, inputs, outputs, operators } of artifacts) {
    expect(new Uint8Array(await content.arrayBuffer())).toEqual(unzipped[name]);
    const graph = readModel(unzipped[name] ?? new Uint8Array(0));
    expect([inputs, outputs, operators]).toEqual([
      graph.inputs.map((input) => input.name),
      graph.outputs.map((output) => output.name),
      graph.nodes.length,
    ]);
  }
  expect(artifacts[0]?.inputs).toContain("lazy_reset_grad");
});

test("a paused run, imported by another engine and resumed there, ends as one that was never paused", async () => {
  const whole = runOf("lora");
  const sources = whole.sources.map(({ name: _, ...source }) => source);
  pauseAt = 5;
  const paused = await engine.startRun({ name: "moved", modelHash: whole.model.hash, sources, recipe });
  pauseAt = null;
  expect(paused).toMatchObject({ status: "paused", step: 5 });
  const { archive, tensors, notes } = await engine.exportRun(paused.id);
  expect(tensors).toBeGreaterThan(0);
  expect(notes).toContainEqual(expect.stringContaining("The file does not contain the base model"));

  const there = await openEngine(() => undefined);
  const imported = await there.engine.importRun(new File([archive], "moved.run.zip"));
  expect(imported.record).toEqual(await engine.listRuns().then((all) => all.find(({ id }) => id === paused.id)));
  // Neither model nor rows are there yet; the refusal names both.
  await expect(there.engine.resumeRun(paused.id)).rejects.toThrow(/This model is not kept in this browser/);
  await there.openTiny();
  const ended = await there.engine.resumeRun(paused.id);
  expect(ended).toMatchObject({ status: "finished", step: whole.step });
  const losses = async ({ engine: host }: Pick<typeof there, "engine">, id: string) => [
    ...(await host.curvesOf(id)).steps.loss,
  ];
  expect(await losses(there, ended.id)).toHaveLength(whole.step);
  expect(await losses(there, ended.id)).toEqual(await losses({ engine }, whole.id));
}, 300_000);
