/** Pretraining end to end on a tiny model and a small corpus, on wasm. Oracles: the run without a break, and the hub's reader. */

import * as fs from "node:fs";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { checkpointFile, heldOutBatches, pretrain } from "../../../scripts/seedling/pretrain.ts";
import { type PretrainRecipe, seedling } from "../../../scripts/seedling/recipe.ts";
import { type PretrainText, prepareText } from "../../../scripts/seedling/text.ts";
import { compileEvaluation } from "../../../src/artifacts/compile.ts";
import { checkpointTensors, parametersOf } from "../../../src/artifacts/method.ts";
import { modelFromFiles } from "../../../src/hub/files.ts";
import { openModel } from "../../../src/hub/model.ts";
import { defineModel } from "../../../src/models/define.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { createTokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { createControl } from "../../../src/training/control.ts";
import { meanLoss } from "../../../src/training/evaluate.ts";
import { disposeAll, readParameter, uploadParameters } from "../../../src/training/parameters.ts";
import { createWholeGraphEvaluation } from "../../../src/training/wholeGraph.ts";

vi.mock("node:fs", async (original) => {
  const real = await original<typeof fs>();
  return { ...real, renameSync: vi.fn(real.renameSync) };
});

const recipe: PretrainRecipe = {
  ...seedling,
  documents: 150,
  model: {
    ...seedling.model,
    vocab_size: 300,
    hidden_size: 16,
    intermediate_size: 24,
    num_hidden_layers: 2,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    head_dim: 8,
    max_position_embeddings: 96,
  },
  training: { ...seedling.training, learningRate: 0.02, batchSize: 8, evaluateEvery: 6, checkpointEvery: 4 },
};
const definition = defineModel(recipe.model);

/** Far above what they take, for a machine that is busy otherwise. */
const timeout = 300_000;

const folders: string[] = [];
const newFolder = () => {
  const folder = mkdtempSync(join(tmpdir(), "hone-pretrain-"));
  folders.push(folder);
  return folder;
};

let runtime: Runtime;
let text: PretrainText;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  text = prepareText(recipe);
});
afterAll(async () => {
  await runtime.dispose();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

interface Break {
  /** A pause as Ctrl-C asks for it, heard after this step. */
  readonly pauseAfter?: number;
  readonly stopAfter?: number;
  /** Another text than the recipe's. */
  readonly other?: PretrainText;
}

/** One call of the command with its folders. */
async function run(work: string, out: string, { pauseAfter, stopAfter, other }: Break = {}) {
  const control = createControl();
  const steps: number[] = [];
  const outcome = await pretrain({
    recipe,
    text: other ?? text,
    runtime,
    work,
    out,
    stopAfter: stopAfter ?? null,
    control,
    emit: (event) => {
      if (event.type !== "step") return;
      steps.push(event.metrics.step);
      if (event.metrics.step === pauseAfter) control.pause();
    },
  });
  return { ...outcome, steps };
}

const modelNames = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer_config.json",
  "model.safetensors",
];
const modelOf = (folder: string) => modelNames.map((name) => readFileSync(join(folder, name), "base64"));
const trainingOf = (folder: string) => JSON.parse(readFileSync(join(folder, "training.json"), "utf8"));

/** The run that no other test breaks off. */
let whole: { readonly out: string } & Awaited<ReturnType<typeof run>>;
beforeAll(async () => {
  const out = newFolder();
  whole = { out, ...(await run(newFolder(), out)) };
}, timeout);

describe("a whole run", () => {
  test("the losses fall, in training and on the held-out part", () => {
    expect(whole.state.step).toBe(whole.totalSteps);
    expect(whole.steps).toEqual(Array.from({ length: whole.totalSteps }, (_, i) => i + 1));
    const losses = whole.curves.steps.loss;
    expect(losses.at(-1)).toBeLessThan(0.8 * (losses[0] ?? 0));
    const held = whole.curves.evaluations.map(({ loss }) => loss);
    expect(held[0]).toBeGreaterThan(Math.log(definition.vocabulary) * 0.9);
    expect(held.at(-1)).toBeLessThan(0.8 * (held[0] ?? 0));
  });

  test("every token of the corpus is trained on, each once", () => {
    const trained = whole.curves.steps.tokens.reduce((sum, tokens) => sum + tokens, 0);
    const windows = text.training.reduce((sum, { ids }) => sum + ids.length, 0);
    expect(trained).toBe(windows);
    // Only windows of a single token are left out.
    expect(text.tokens - windows).toBeGreaterThanOrEqual(0);
    expect(text.tokens - windows).toBeLessThan(5);
  });

  test("the folder opens as a model, and its held-out loss is the one that was written", { timeout }, async () => {
    const files = modelNames.map((name) => new File([readFileSync(join(whole.out, name))], name));
    const model = await openModel(modelFromFiles(files), (json) => checkpointTensors(defineModel(json)));
    expect(model.notes).toEqual([]);
    expect(defineModel(model.config).key).toBe(definition.key);
    const tokenizer = createTokenizer(model.tokenizerJson, model.tokenizerConfig);
    expect(tokenizer.size).toBe(definition.vocabulary);
    expect(model.config.eos_token_id).toBe(tokenizer.eos?.id);

    const specs = parametersOf(definition, null);
    const parameters = await uploadParameters(runtime, specs, (spec) => readParameter(spec, model.read));
    const program = createWholeGraphEvaluation(runtime, parameters, (shape) =>
      compileEvaluation(definition, { kind: "full" }, shape),
    );
    // In rows of another number, so that batch and packing are proven not to matter.
    const held = heldOutBatches(text.heldOut, { rows: 3, length: 96, supervised: 3 * 95 });
    const loss = await meanLoss(program, held, async () => false);
    disposeAll(parameters);
    const { heldOutLoss, heldOut, parameters: count } = trainingOf(whole.out);
    expect(loss).toBeCloseTo(heldOutLoss, 4);
    expect(count).toBe(model.parameters);
    // float16 and the reserved rows change it little.
    expect(Math.abs(heldOutLoss - heldOut.at(-1).loss)).toBeLessThan(0.05);
  });

  test("reserved tokens have embeddings of their own, as large as the others'", async () => {
    const files = modelNames.map((name) => new File([readFileSync(join(whole.out, name))], name));
    const model = await openModel(modelFromFiles(files), (json) => checkpointTensors(defineModel(json)));
    const embeddings = await model.read("model.embed_tokens.weight");
    const row = (id: number) => [...embeddings.subarray(id * definition.hiddenSize, (id + 1) * definition.hiddenSize)];
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * (b[i] ?? 0), 0);
    const norm = (a: number[]) => Math.sqrt(dot(a, a));
    const reserved = seedling.special.slice(1).map((token) => row(text.special.get(token) ?? -1));
    const seen = new Set(text.training.flatMap(({ ids }) => [...ids]));
    const mean = [...seen].reduce((sum, id) => sum + norm(row(id)), 0) / seen.size;
    for (const [i, one] of reserved.entries()) {
      expect(norm(one) / mean).toBeCloseTo(1, 2);
      for (const other of reserved.slice(i + 1)) expect(dot(one, other) / norm(one) / norm(other)).toBeLessThan(0.9);
    }
  });
});

describe("text", () => {
  test("the same recipe gives the same, another seed another", () => {
    const again = prepareText(recipe);
    expect(again.fingerprint).toBe(text.fingerprint);
    expect(JSON.stringify([again.tokenizerJson, again.tokenizerConfig])).toBe(
      JSON.stringify([text.tokenizerJson, text.tokenizerConfig]),
    );
    expect(prepareText({ ...recipe, seed: 2 }).fingerprint).not.toBe(text.fingerprint);
  });

  test("a document ends in <|endoftext|>, and nothing predicts its first token", () => {
    const end = text.special.get("<|endoftext|>");
    const lasts = text.training.filter(({ origin }, i) => text.training[i + 1]?.origin.row !== origin.row);
    expect(lasts).toHaveLength(recipe.documents);
    expect(lasts.filter(({ ids }) => ids.at(-1) !== end && ids.length < 96)).toEqual([]);
    for (const { ids, mask, weights } of text.training) {
      expect([mask.length, weights.length]).toEqual([ids.length, ids.length]);
      expect([mask[0], mask.slice(1).every((one) => one === 1)]).toEqual([0, true]);
      expect(weights.every((weight) => weight === 1)).toBe(true);
    }
  });
});

describe("a run that is broken off goes on as if it had not been", () => {
  test.each([1, 4, 6, 7])("by Ctrl-C in step %i", { timeout }, async (pauseAfter) => {
    const [work, out] = [newFolder(), join(newFolder(), "model")];
    const first = await run(work, out, { pauseAfter });
    expect([first.state.step, first.heldOutLoss]).toEqual([pauseAfter, null]);
    expect(fs.existsSync(out)).toBe(false);
    const second = await run(work, out);
    expect(second.steps[0]).toBe(pauseAfter + 1);
    expect(modelOf(out)).toEqual(modelOf(whole.out));
    const timeless = ({ loss, heldOut, heldOutLoss }: Record<string, unknown>) => ({ loss, heldOut, heldOutLoss });
    expect(timeless(trainingOf(out))).toEqual(timeless(trainingOf(whole.out)));
  });

  test("by a kill between a checkpoint's writing and its renaming: from the checkpoint before", {
    timeout,
  }, async () => {
    const [work, out] = [newFolder(), newFolder()];
    await run(work, out, { pauseAfter: 5 });
    const before = readFileSync(join(work, checkpointFile));
    vi.mocked(fs.renameSync).mockImplementationOnce(() => {
      throw new Error("killed");
    });
    await expect(run(work, out)).rejects.toThrow("killed");
    expect(fs.readdirSync(work).sort()).toEqual([checkpointFile, `${checkpointFile}.partial`]);
    expect(readFileSync(join(work, checkpointFile)).equals(before)).toBe(true);
    // A kill within the writing leaves a part.
    fs.truncateSync(join(work, `${checkpointFile}.partial`), 1000);
    const last = await run(work, out);
    expect(last.steps[0]).toBe(6);
    expect(modelOf(out)).toEqual(modelOf(whole.out));
  });

  test("--steps writes the model as it is then, and a later call goes on", { timeout }, async () => {
    const [work, out] = [newFolder(), newFolder()];
    const first = await run(work, out, { stopAfter: 3 });
    expect(first.state.step).toBe(3);
    expect(trainingOf(out)).toMatchObject({ steps: 3, plannedSteps: whole.totalSteps, heldOutLoss: first.heldOutLoss });
    await run(work, out);
    expect(modelOf(out)).toEqual(modelOf(whole.out));
  });
});

test("the checkpoint of another text is refused with the way out", { timeout }, async () => {
  const work = newFolder();
  await run(work, newFolder(), { pauseAfter: 1 });
  const other = prepareText({ ...recipe, seed: 2 });
  await expect(run(work, newFolder(), { other })).rejects.toThrow(/another recipe, seed or corpus: .*--work.*--fresh/);
});
