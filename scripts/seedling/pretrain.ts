/** Pretraining from nothing to a model folder, with the page's own training loop. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Method, parametersOf } from "../../src/artifacts/method.ts";
import { artifactsOfRun } from "../../src/artifacts/ofRun.ts";
import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import { packExamples } from "../../src/batching/pack.ts";
import { createSampler } from "../../src/batching/sampler.ts";
import { type OrderState, orderOf } from "../../src/batching/stages.ts";
import type { ModelDefinition } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import { type Curves, createStepLog, stepsOf } from "../../src/run/curves.ts";
import { validationOf } from "../../src/run/heldOut.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../src/tensor/convert.ts";
import { createBatchSource } from "../../src/training/batchSource.ts";
import { type ControlSwitch, nextTask } from "../../src/training/control.ts";
import { evaluateHeldOut, meanLoss } from "../../src/training/evaluate.ts";
import { type LoopEvent, trainingLoop } from "../../src/training/loop.ts";
import { disposeAll, type ParameterTensors, uploadParameters } from "../../src/training/parameters.ts";
import type { TrainingProgram } from "../../src/training/program.ts";
import { learningRateAt } from "../../src/training/schedule.ts";
import { initialState, type LoopState } from "../../src/training/state.ts";
import { createWholeGraph } from "../../src/training/wholeGraph.ts";
import { loadCheckpoint, saveCheckpoint } from "./checkpoint.ts";
import { writeModelFiles } from "./modelFiles.ts";
import type { PretrainRecipe } from "./recipe.ts";
import { endOfText, type PretrainText } from "./text.ts";
import { thinned } from "./thinned.ts";
import { initialWeights, reserveEmbeddings } from "./weights.ts";

export interface PretrainParts {
  readonly recipe: PretrainRecipe;
  readonly text: PretrainText;
  readonly runtime: Runtime;
  /** Folder of the checkpoint; a run resumes from its own checkpoint there. */
  readonly work: string;
  /** Output folder of the model. */
  readonly out: string;
  /** Stops after so many steps of the full schedule, and writes the model of that step; null: runs to the end. */
  readonly stopAfter: number | null;
  /** A pause saves a checkpoint and returns without writing a model. */
  readonly control: ControlSwitch;
  readonly emit: (event: LoopEvent, totalSteps: number) => void;
}

export interface PretrainOutcome {
  readonly state: LoopState;
  readonly curves: Curves;
  readonly totalSteps: number;
  /** Held-out loss of the written model, in float16; null when no model was written. */
  readonly heldOutLoss: number | null;
}

const full: Method = { kind: "full" };

export const checkpointFile = "checkpoint.safetensors";

/** Seeds that differ from the corpus' seed, so that no two uses draw the same numbers. */
const seedsOf = (seed: number) => ({ weights: seed + 1, order: seed + 2, reserved: seed + 3 });

/**
 * Trains the recipe's model on its text, from the checkpoint in `work` if there is one, and writes the model to `out`. On the
 * same processor an interrupted run gives the same bytes as an uninterrupted one. Throws `NonFiniteError`, and an error when the
 * checkpoint belongs to another recipe or text.
 */
export async function pretrain(parts: PretrainParts): Promise<PretrainOutcome> {
  const { recipe, text, runtime, control } = parts;
  const { training } = recipe;
  const model = defineModel(recipe.model);
  const seeds = seedsOf(recipe.seed);
  const checkpoint = join(parts.work, checkpointFile);
  mkdirSync(parts.work, { recursive: true });

  const specs = parametersOf(model, full);
  const first = initialWeights(model, seeds.weights);
  const parameters = await uploadParameters(runtime, specs, ({ name }) => first.get(name));
  const program = createWholeGraph({
    runtime,
    parameters,
    specs,
    artifacts: artifactsOfRun(model, full, training, "wasm"),
    recipe: training,
  });
  try {
    const resumed = await loadCheckpoint(checkpoint, text.fingerprint, program);
    const shape = shapeOf(model, training.batchSize);
    const from = resumed?.state ?? null;
    const { source, totalSteps } = createSource(text.training, shape, training.accumulation, seeds.order, from);
    const steps = createStepLog(totalSteps, resumed?.curves?.steps);
    const evaluations = [...(resumed?.curves?.evaluations ?? [])];
    const curves = () => ({ steps: steps.view(), evaluations });
    const heldOut = heldOutBatches(text.heldOut, shape);
    const { state } = await trainingLoop(
      {
        recipe: training,
        totalSteps,
        learningRate: (step) => learningRateAt(training, step, totalSteps),
        program,
        batches: source,
        evaluate: (interrupted) =>
          evaluateHeldOut(program, [{ ...validationOf("text"), batches: heldOut }], interrupted),
        patience: null,
        preferences: null,
        bestSet: null,
        boundaries: [],
        questions: [],
        answers: async () => [],
        watch: null,
        saveCheckpoint: (contents) => saveCheckpoint(checkpoint, text.fingerprint, contents, curves()),
        emit: (event) => {
          if (event.type === "step") steps.push(event.metrics);
          if (event.type === "evaluation") evaluations.push(event.metrics);
          parts.emit(event, totalSteps);
          if (event.type === "step" && event.metrics.step === parts.stopAfter) control.pause();
        },
        control,
        clock: () => performance.now(),
        nextTask,
      },
      from ?? initialState(source.state()),
    );
    if (state.step < totalSteps && state.step !== parts.stopAfter) {
      return { state, curves: curves(), totalSteps, heldOutLoss: null };
    }
    const trained = { model, parameters, program, heldOut, state, curves: curves(), totalSteps };
    return { state, curves: curves(), totalSteps, heldOutLoss: await writeModel(parts, trained) };
  } finally {
    program.dispose();
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** The shape of every batch. All tokens of a row but the first are supervised. */
function shapeOf(model: ModelDefinition, rows: number): BatchShape {
  const length = model.contextLength;
  return { rows, length, supervised: rows * (length - 1) };
}

/** One pass over the documents in seeded order, packed into rows. */
function createSource(
  examples: readonly TokenizedExample[],
  shape: BatchShape,
  accumulation: number,
  seed: number,
  from: { readonly sampler: OrderState } | null,
) {
  const sampler = createSampler(
    {
      lengths: Int32Array.from(examples, ({ ids }) => ids.length),
      sources: new Uint8Array(examples.length),
      mixture: { mode: "weight", lambdas: [1] },
      packing: shape.length,
      buckets: [shape],
      batchSize: shape.rows,
      accumulation,
      seed,
    },
    from?.sampler,
  );
  const totalSteps = sampler.stepsPerEpoch;
  const order = orderOf([{ steps: totalSteps, first: 0, sampler: () => sampler }], from?.sampler);
  return {
    source: createBatchSource(
      examples.map((example) => [example]),
      [shape],
      order,
    ),
    totalSteps,
  };
}

/** The held-out documents, packed like the training documents. */
export function heldOutBatches(examples: readonly TokenizedExample[], shape: BatchShape): Batch[] {
  const lengths = examples.map(({ ids }) => ids.length);
  const rows = packExamples(lengths, shape.length).map((group) =>
    group.map((index) => examples[index] as TokenizedExample),
  );
  return Array.from({ length: Math.ceil(rows.length / shape.rows) }, (_, i) =>
    packBatch(rows.slice(i * shape.rows, (i + 1) * shape.rows), shape),
  );
}

interface Trained {
  readonly model: ModelDefinition;
  readonly parameters: ParameterTensors;
  readonly program: TrainingProgram;
  readonly heldOut: readonly Batch[];
  readonly state: LoopState;
  readonly curves: Curves;
  readonly totalSteps: number;
}

/** Writes the model folder and returns the held-out loss of the written weights. */
async function writeModel({ recipe, text, runtime, out }: PretrainParts, trained: Trained): Promise<number> {
  const { model, parameters, program, heldOut, state, curves, totalSteps } = trained;
  const seen = new Set<number>();
  for (const { ids } of text.training) for (const id of ids) seen.add(id);
  const reserved = [...text.special].filter(([token]) => token !== endOfText).map(([, id]) => id);
  const tensors = [];
  for (const [name, tensor] of parameters) {
    const values = (await tensor.read()) as Float32Array;
    if (name === "model.embed_tokens.weight") {
      reserveEmbeddings(values, model.hiddenSize, { seen, reserved, seed: seedsOf(recipe.seed).reserved });
    }
    const data = float32ToFloat16(values);
    tensors.push({ name, dtype: "F16" as const, shape: tensor.shape, data });
    tensor.write(float16ToFloat32(data));
  }
  const heldOutLoss = (await meanLoss(program, heldOut, async () => false)) ?? Number.NaN;

  const tokens = {
    bos_token_id: null,
    eos_token_id: text.special.get(endOfText),
    pad_token_id: text.special.get(endOfText),
  };
  writeModelFiles(out, {
    config: { ...recipe.model, ...tokens },
    generationConfig: { ...tokens, max_length: model.contextLength },
    tokenizerJson: text.tokenizerJson,
    tokenizerConfig: text.tokenizerConfig,
    tensors,
    training: {
      parameters: tensors.reduce((sum, { data }) => sum + data.length, 0),
      steps: state.step,
      plannedSteps: totalSteps,
      documents: recipe.documents,
      corpusTokens: text.tokens,
      trainedTokens: curves.steps.tokens.reduce((sum, tokens) => sum + tokens, 0),
      seconds: Math.round(state.seconds),
      processor: runtime.report.reason,
      heldOutLoss,
      heldOut: curves.evaluations,
      loss: thinned(stepsOf(curves.steps)),
      recipe,
    },
  });
  return heldOutLoss;
}
