/** Pretraining from nothing to a model folder, with the page's own loop: put together here, watched by the command. */

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
  /** Folder of the checkpoint; a run that finds its own there goes on from it. */
  readonly work: string;
  /** Folder that the model is written to. */
  readonly out: string;
  /** Stops after so many steps, the schedule being that of the whole run, and writes the model as it is then; null: never. */
  readonly stopAfter: number | null;
  /** A pause saves a checkpoint and leaves without writing a model. */
  readonly control: ControlSwitch;
  readonly emit: (event: LoopEvent, totalSteps: number) => void;
}

export interface PretrainOutcome {
  readonly state: LoopState;
  readonly curves: Curves;
  readonly totalSteps: number;
  /** Loss on the held-out part of the model as it was written, float16 and all; null when none was written. */
  readonly heldOutLoss: number | null;
}

const full: Method = { kind: "full" };

export const checkpointFile = "checkpoint.safetensors";

/** Seeds beside that of the corpus, so that no two uses draw the same numbers. */
const seedsOf = (seed: number) => ({ weights: seed + 1, order: seed + 2, reserved: seed + 3 });

/**
 * Trains the recipe's model on its text, from the checkpoint in `work` where there is one, and writes the model to `out`. A run
 * that was left or killed comes out, on the same processor, byte for byte as one that was not. Throws `NonFiniteError`, and
 * when the checkpoint is of another recipe or text.
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
    const held = heldOutBatches(text.heldOut, shape);
    const { state } = await trainingLoop(
      {
        recipe: training,
        totalSteps,
        learningRate: (step) => learningRateAt(training, step, totalSteps),
        program,
        batches: source,
        evaluate: (interrupted) => evaluateHeldOut(program, [{ ...validationOf("text"), batches: held }], interrupted),
        patience: null,
        boundaries: [],
        questions: [],
        answer: async () => null,
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
    const trained = { model, parameters, program, held, state, curves: curves(), totalSteps };
    return { state, curves: curves(), totalSteps, heldOutLoss: await writeModel(parts, trained) };
  } finally {
    program.dispose();
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** One shape for every batch. A row's first token is never a target, so that many positions can be supervised. */
function shapeOf(model: ModelDefinition, rows: number): BatchShape {
  const length = model.contextLength;
  return { rows, length, supervised: rows * (length - 1) };
}

/** One pass over the documents in seeded order, several to a row. */
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
  return { source: createBatchSource(examples, [shape], order), totalSteps };
}

/** The held-out documents, packed as those of training are. */
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
  readonly held: readonly Batch[];
  readonly state: LoopState;
  readonly curves: Curves;
  readonly totalSteps: number;
}

/** Writes the model folder, and gives the loss of what it holds. */
async function writeModel({ recipe, text, runtime, out }: PretrainParts, trained: Trained): Promise<number> {
  const { model, parameters, program, held, state, curves, totalSteps } = trained;
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
  const heldOutLoss = (await meanLoss(program, held, async () => false)) ?? Number.NaN;

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
