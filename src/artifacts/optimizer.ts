/** The optimizer artifact: AdamW with decoupled weight decay and clipping by global norm (Loshchilov and Hutter 2019, arXiv:1711.05101). */

import type { ModelDefinition } from "../models/architecture.ts";
import { GraphBuilder } from "../onnx/builder.ts";
import type { Graph, Value } from "../onnx/graph.ts";
import { type Shape, sizeOf } from "../tensor/dtype.ts";
import type { ProviderName } from "./activations.ts";
import { lazyArtifact } from "./artifact.ts";
import {
  type Artifact,
  accumulatorIn,
  firstMoment,
  gradientNorm,
  optimizerScalars,
  type ParameterSpec,
  type Port,
  secondMoment,
  squaredNormIn,
  squaredNormOut,
  updated,
} from "./contract.ts";
import { artifactKey, type Method, parametersOf } from "./method.ts";

/** AdamW's constants of a run; values that change per step are inputs of the artifact. */
export interface OptimizerSettings {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
}

/** Added to the norm before the division, as in PyTorch's clip_grad_norm_. */
const normEpsilon = 1e-6;

/**
 * One step for every trainable parameter, from the accumulated sum of gradients G and the denominator d:
 *
 *     g = G / max(d, 1),  n = ‖g‖₂ over all parameters,  g ← g · min(1, max_norm / (n + 10⁻⁶))
 *     m ← β₁m + (1 − β₁)g,  v ← β₂v + (1 − β₂)g²
 *     p ← p(1 − ηλ) − η · (m / c₁) / (√(v / c₂) + ε)
 *
 * with c₁ = 1 − β₁ᵗ and c₂ = 1 − β₂ᵗ. When n is not finite, parameters and moments stay bit for bit the same; callers check
 * the norm. Each output may share its input's buffer: the last operation that writes it does not read it.
 *
 * The artifact runs on every provider; `provider` only decides which tensors are updated together.
 */
export function compileOptimizer(
  model: ModelDefinition,
  method: Method,
  { beta1, beta2, epsilon, weightDecay }: OptimizerSettings,
  provider: ProviderName = "wasm",
): Artifact {
  const settings = { beta1, beta2, epsilon, weightDecay };
  const trainable = parametersOf(model, method).filter((parameter) => parameter.trainable);
  const scalar = (name: string): Port => ({ name, dtype: "float32", shape: [1] });
  const ports = (...names: ((parameter: string) => string)[]) =>
    trainable.flatMap(({ name, shape }) => names.map((of): Port => ({ name: of(name), dtype: "float32", shape })));
  const updatedTensors = [(name: string) => name, firstMoment, secondMoment];
  const head = {
    kind: "optimizer",
    key: artifactKey("optimizer", model, method, { ...settings, provider }),
    inputs: [...Object.values(optimizerScalars).map(scalar), ...ports(accumulatorIn, ...updatedTensors)],
    outputs: [scalar(gradientNorm), ...ports(...updatedTensors.map((of) => (name: string) => updated(of(name))))],
    aliases: Object.fromEntries(
      trainable.flatMap(({ name }) => updatedTensors.map((of) => [updated(of(name)), of(name)])),
    ),
  } as const;
  return lazyArtifact(head, () => optimizerGraph(trainable, settings, joins[provider]));
}

function optimizerGraph(
  parameters: readonly Tensor[],
  settings: OptimizerSettings,
  join: Join,
  total: "own" | "given" = "own",
): Graph {
  const b = new GraphBuilder("optimizer");
  return b.untaped(() => {
    const one = b.scalar(1);
    const input = (name: string) => b.input(name, "float32", [1]);
    const groups = groupsOf(parameters, join);
    const gradients = groups.map((group) => joined(b, group, accumulatorIn));

    const scale = b.reciprocal(b.max(input(optimizerScalars.denominator), one));
    const squares = total === "own" ? squaredNorm(b, gradients) : input(squaredNormIn);
    const norm = b.mul(b.sqrt(squares), scale);
    // x − x = 0 exactly when x is finite; no other test works on every provider.
    const finite = b.equal(b.sub(norm, norm), b.scalar(0));
    const orElse = (value: Value, otherwise: number) => b.where(finite, value, b.scalar(otherwise));
    const clip = b.min(one, b.div(input(optimizerScalars.maxNorm), b.add(norm, b.scalar(normEpsilon))));
    const gradientScale = b.mul(scale, clip);

    // (m/c₁)/(√(v/c₂) + ε) = m/(√v + ε√c₂) · √c₂/c₁ saves two divisions per tensor.
    const rate = input(optimizerScalars.learningRate);
    const root = b.sqrt(input(optimizerScalars.biasCorrection2));
    const stepSize = orElse(b.div(b.mul(rate, root), input(optimizerScalars.biasCorrection1)), 0);
    const epsilon = b.mul(root, b.scalar(settings.epsilon));
    const decay = orElse(b.sub(one, b.mul(rate, b.scalar(settings.weightDecay))), 1);
    const moment = (beta: number, scale: Value) => ({
      oldShare: orElse(b.scalar(beta), 1),
      newShare: orElse(b.mul(scale, b.scalar(1 - beta)), 0),
    });
    // The factor of G is folded into 1 − β, which saves one pass over G.
    const first = moment(settings.beta1, gradientScale);
    const second = moment(settings.beta2, b.mul(gradientScale, gradientScale));

    const outputs: Record<string, Value> = {};
    groups.forEach((group, index) => {
      const g = b.where(finite, gradients[index] as Value, b.scalar(0));
      const m = ema(b, joined(b, group, firstMoment), g, first);
      const v = ema(b, joined(b, group, secondMoment), b.mul(g, g), second);
      const change = b.mul(b.div(m, b.add(b.sqrt(v), epsilon)), stepSize);
      const parameter = joined(b, group, (name) => name);
      const give = (whole: Value, port: (parameter: string) => string) =>
        pieces(b, whole, group).forEach((piece, i) => {
          outputs[updated(port((group[i] as Tensor).name))] = piece;
        });
      give(b.sub(b.mul(parameter, decay), change), (name) => name);
      give(m, firstMoment);
      give(v, secondMoment);
    });
    return b.finish(total === "own" ? { [gradientNorm]: norm, ...outputs } : outputs);
  });
}

/** One tensor of a group's ports. */
const joined = (b: GraphBuilder, group: Group, port: (parameter: string) => string) =>
  b.concat(
    group.map(({ name, shape }) => b.input(port(name), "float32", shape)),
    0,
  );

/** Adds Σ G² of the accumulators to `squared_norm`, so that several artifacts together give the global norm. */
export function squaredNormGraph(parameters: readonly Tensor[], provider: ProviderName): Graph {
  const b = new GraphBuilder("squared_norm");
  const groups = groupsOf(parameters, joins[provider]);
  const own = squaredNorm(
    b,
    groups.map((group) => joined(b, group, accumulatorIn)),
  );
  return b.finish({ [squaredNormOut]: b.add(b.input(squaredNormIn, "float32", [1]), own) });
}

/** The step of some of the parameters, from `squared_norm` over all of them. */
export const updateGraph = (
  parameters: readonly Tensor[],
  settings: OptimizerSettings,
  provider: ProviderName,
): Graph => optimizerGraph(parameters, settings, joins[provider], "given");

type Tensor = Pick<ParameterSpec, "name" | "shape">;
type Group = readonly Tensor[];

/** The rule that groups tensors for a joint update. */
interface Join {
  /** Tensors with fewer elements than this are updated in groups: one copy is cheaper than their separate launches. */
  readonly below: number;
  /** Largest number of elements in a group; an update needs several temporary tensors of that size. */
  readonly elements: number;
  readonly tensors: number;
}

/** Outputs per Split: WebGPU guarantees eight storage buffers per shader, and the input takes one. */
const splitOutputs = 7;

/**
 * On the processor a group should fit a core's cache. On a GPU groups are larger: a launch costs tens of microseconds, in
 * which a GPU moves megabytes.
 */
const joins: { readonly [provider in ProviderName]: Join } = {
  wasm: { below: 2 ** 15, elements: splitOutputs * 2 ** 15, tensors: splitOutputs },
  webgpu: { below: 2 ** 18, elements: 2 ** 19, tensors: splitOutputs ** 2 },
};

/** Groups small tensors of equal width in their order; each group is concatenated by rows. */
function groupsOf(parameters: Group, { below, elements, tensors }: Join): Group[] {
  const groups: Group[] = [];
  /** The last group of each width, and its number of elements. */
  const open = new Map<string, { group: Tensor[]; filled: number }>();
  for (const parameter of parameters) {
    const { shape } = parameter;
    const size = sizeOf(shape);
    const small = size < below && shape.length > 0;
    const width = shape.slice(1).join();
    const room = small ? open.get(width) : undefined;
    if (room && room.group.length < tensors && room.filled + size <= elements) {
      room.group.push(parameter);
      room.filled += size;
      continue;
    }
    const group = [parameter];
    groups.push(group);
    if (small) open.set(width, { group, filled: size });
  }
  return groups;
}

/** Splits a group's joint tensor into its tensors, in two steps where one Split would bind too many. */
function pieces(b: GraphBuilder, whole: Value, group: Group): readonly Value[] {
  const rows = (tensors: Group) => tensors.map(({ shape }) => shape[0] as number);
  if (group.length === 1) return [whole];
  if (group.length <= splitOutputs) return b.split(whole, rows(group));
  const count = Math.ceil(group.length / splitOutputs);
  const parts = Array.from({ length: count }, (_, i) => group.slice(i * splitOutputs, (i + 1) * splitOutputs));
  const sums = parts.map((part) => rows(part).reduce((sum, size) => sum + size, 0));
  return b.split(whole, sums).flatMap((piece, i) => b.split(piece, rows(parts[i] as Group)));
}

const ema = (b: GraphBuilder, old: Value, fresh: Value, { oldShare, newShare }: { oldShare: Value; newShare: Value }) =>
  b.add(b.mul(old, oldShare), b.mul(fresh, newShare));

/** Σ x² over all tensors, float32 [1]: first along the last axis, then over the remaining axes. */
function squaredNorm(b: GraphBuilder, tensors: readonly Value[]): Value {
  const partial = tensors.map((x) => {
    const rows = b.reduceSumSquare(x, [x.shape.length - 1]);
    return b.reshape(b.reduceSum(b.reshape(rows, flat(rows.shape)), [0]), [1]);
  });
  return b.reduceSum(b.concat(partial, 0), [0]);
}

const flat = (shape: Shape) => [sizeOf(shape)];
