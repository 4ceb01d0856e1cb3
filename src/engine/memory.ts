/** The memory of a run, counted from its plan before it starts: tensors, sessions, and the peak over all artifacts. */

import { nodeBytes, type ProviderName, peakInHeap, peakOnGpu, planRun } from "../artifacts/activations.ts";
import { cacheShape } from "../artifacts/cachedAttention.ts";
import { compileEvaluation } from "../artifacts/compile.ts";
import { type Artifact, type BatchShape, generationPorts, parameterBytes } from "../artifacts/contract.ts";
import { compileGeneration } from "../artifacts/generation.ts";
import { type Method, parametersOf } from "../artifacts/method.ts";
import { artifactsOfRun, layerArtifactsOfRun } from "../artifacts/ofRun.ts";
import { capacityFor, longestPiece, pieceFor, promptRows, rowsFor } from "../generation/batch.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { writeModel } from "../onnx/model.ts";
import type { Budget } from "../protocol/engine.ts";
import type { Recipe } from "../run/recipe.ts";
import { byteSizeOf } from "../tensor/dtype.ts";
import { methodOf } from "./prepare.ts";
import { type LayerProgram, saves } from "./program.ts";

/** Bytes of the WebAssembly heap without any session: ONNX Runtime's data and its threads' stacks. */
const emptyHeap = 10e6;
/** Most tokens of an answer, which the key/value cache has beside the longest row. */
const answerTokens = 64;

export interface MemoryParts {
  readonly model: ModelDefinition;
  readonly recipe: Pick<
    Recipe,
    | "method"
    | "lora"
    | "accumulation"
    | "beta1"
    | "beta2"
    | "epsilon"
    | "weightDecay"
    | "samplePrompts"
    | "watchEvery"
    | "program"
  >;
  /** Shapes of the run's batches; each has a session. */
  readonly shapes: readonly BatchShape[];
  /** Shapes of the validation batches; empty without validation. */
  readonly heldOut: readonly BatchShape[];
  readonly provider: ProviderName;
}

/** Peak bytes on the device: GPU buffers, or on wasm the used part of the WebAssembly heap. */
export function memoryOf(parts: MemoryParts): Omit<Budget["memory"], "limit"> {
  const { model, recipe, shapes, provider } = parts;
  const method = methodOf(recipe);
  const specs = parametersOf(model, method);
  const bytesOf = (trainable: boolean) =>
    specs.reduce((sum, spec) => sum + (spec.trainable === trainable ? parameterBytes(spec) : 0), 0);
  const trained = bytesOf(true);
  const frozen = bytesOf(false);
  const gradients = trained;
  const optimizerBytes = 2 * trained;

  const longest = largestShape(shapes);
  const { sessions, between } =
    recipe.program === "layers" || recipe.program === "smallest"
      ? layerSessions(parts, recipe.program)
      : wholeSessions(parts);
  if (recipe.samplePrompts > 0 || recipe.watchEvery !== null) {
    const questions = Math.max(recipe.samplePrompts, 1);
    sessions.push({ ...answering(model, method, longest.length, questions, provider), count: 3 });
  }
  const activations = between + Math.max(...sessions.map(({ peak }) => peak));
  const engine =
    (provider === "wasm" ? emptyHeap : 0) + sessions.reduce((sum, { resident, count }) => sum + count * resident, 0);
  return {
    frozen,
    trained,
    gradients,
    optimizer: optimizerBytes,
    activations,
    engine,
    total: frozen + trained + gradients + optimizerBytes + activations + engine,
  };
}

/** Sessions of one artifact, and how many there are. */
interface Sessions {
  readonly peak: number;
  readonly resident: number;
  readonly count: number;
}

interface ProgramMemory {
  readonly sessions: Sessions[];
  /** Bytes of tensors that stay from one run of a session to the next. */
  readonly between: number;
}

function wholeSessions({ model, recipe, shapes, heldOut, provider }: MemoryParts): ProgramMemory {
  const method = methodOf(recipe);
  const { training, optimizer } = artifactsOfRun(model, method, recipe, provider);
  const sessions = [
    { ...planned(training(largestShape(shapes)), provider), count: shapes.length },
    { ...planned(optimizer, provider), count: 1 },
  ];
  if (heldOut.length > 0) {
    const artifact = compileEvaluation(model, method, largestShape(heldOut));
    sessions.push({ ...planned(artifact, provider), count: heldOut.length });
  }
  return { sessions, between: 0 };
}

function layerSessions({ model, recipe, shapes, heldOut, provider }: MemoryParts, kind: LayerProgram): ProgramMemory {
  const method = methodOf(recipe);
  const { kinds, training, evaluation, optimizer } = layerArtifactsOfRun(model, method, recipe, provider, saves[kind]);
  const outputBytes = ({ outputs }: Artifact) =>
    outputs.reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), 0);
  /** Every output of these artifacts goes to a tensor of the program. */
  const all = (artifacts: readonly (Artifact | null)[], count: number): Sessions[] =>
    artifacts.flatMap((artifact) => {
      const outputs = new Set(artifact?.outputs.map(({ name }) => name));
      return artifact ? [{ ...planned(artifact, provider, outputs), count }] : [];
    });

  const { embed, forward, backward, head, embedBackward } = training(largestShape(shapes));
  const states = outputBytes(embed);
  // Each layer saves what its forward writes; beside these are the embedding's states and two gradients.
  const saved = kinds.reduce((sum, { layers }, at) => {
    const artifact = forward[at];
    return sum + (artifact ? layers.length * outputBytes(artifact) : 0);
  }, 0);
  /** Weights of one layer that the program widens. */
  const stored = new Map(parametersOf(model, method).map(({ name, storage }) => [name, storage]));
  const widened = forward.reduce((sum, { inputs }) => {
    const wide = inputs.filter(({ name, dtype }) => dtype === "float32" && stored.get(name) === "float16");
    return sum + wide.reduce((all, { dtype, shape }) => all + byteSizeOf(dtype, shape), 0);
  }, 0);
  const updates = [...optimizer.layers, optimizer.rest].flatMap((one) => (one ? [one.squaredNorm, one.update] : []));
  const sessions = [...all([embed, ...forward, ...backward, head, embedBackward], shapes.length), ...all(updates, 1)];
  const between = saved + widened + 3 * states;
  if (heldOut.length === 0) return { sessions, between };
  const evaluated = evaluation(largestShape(heldOut));
  sessions.push(...all([evaluated.embed, ...evaluated.forward, evaluated.head], heldOut.length));
  return { sessions, between: between + 2 * outputBytes(evaluated.embed) };
}

/** The batch shape with the most positions. Throws for an empty list. */
export function largestShape(shapes: readonly BatchShape[]): BatchShape {
  const [first, ...others] = shapes;
  if (!first) throw new Error("The run has no batch shape to count memory for.");
  const positions = ({ rows, length }: BatchShape) => rows * length;
  return others.reduce((most, shape) => (positions(shape) >= positions(most) ? shape : most), first);
}

/** Peak bytes of the longest run that reads prompts of `length` tokens, with the caches; and bytes of its session. */
function answering(model: ModelDefinition, method: Method, length: number, questions: number, provider: ProviderName) {
  const capacity = capacityFor(Math.min(length + answerTokens, model.contextLength), model.contextLength);
  const first = length <= longestPiece;
  const tokens = first ? pieceFor(length, capacity) : Math.min(longestPiece, capacity);
  const cacheBytes = (rows: number) =>
    2 * model.layers.reduce((sum, layer) => sum + byteSizeOf("float32", cacheShape(layer, rows, capacity)), 0);
  const rows = rowsFor(questions, cacheBytes(1));
  const artifact = compileGeneration(model, method, { ...promptRows(rows), tokens, capacity, first });
  const caches = artifact.outputs.flatMap(({ name }) => (name === generationPorts.logits ? [] : [name]));
  const read = planned(artifact, provider, new Set(caches));
  return { ...read, peak: cacheBytes(rows) + read.peak };
}

/** Peak bytes of one run of the artifact, and bytes of its session between runs. */
function planned(
  artifact: Artifact,
  provider: ProviderName,
  bound: ReadonlySet<string> = new Set(Object.keys(artifact.aliases)),
): { readonly peak: number; readonly resident: number } {
  const graph = artifact.graph();
  const plan = planRun(graph, provider, bound);
  if (provider === "webgpu") return { peak: peakOnGpu(plan), resident: plan.constants };
  const given = graph.initializers.reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), 0);
  return { peak: peakInHeap(plan), resident: plan.constants + nodeBytes(writeModel(graph).length, given) };
}
