/**
 * ONNX Runtime's own training artifacts (training_model.onnx, eval_model.onnx, optimizer_model.onnx and a checkpoint, as
 * generate_artifacts writes them): the roles of their inputs and outputs, and each model lowered to an artifact of ours.
 */

import type { ForeignModel, ForeignPort } from "../onnx/foreign.ts";
import { type ExternalData, loweredDType } from "../onnx/foreignTensor.ts";
import { type Graph, GraphError } from "../onnx/graph.ts";
import type { Correction, LabelRange, Mask } from "../onnx/lower/call.ts";
import { type LoweringOptions, lowerModel } from "../onnx/lower/lower.ts";
import { type UnknownOperator, unknownOperators } from "../onnx/lower/table.ts";
import { writeModel } from "../onnx/model.ts";
import type { OrtCheckpoint } from "../onnx/ortCheckpoint.ts";
import { readForeign } from "../onnx/readForeign.ts";
import { updateCrc } from "../tensor/crc.ts";
import type { Shape } from "../tensor/dtype.ts";
import { cut } from "../tensor/quote.ts";
import {
  type Artifact,
  type ArtifactKind,
  accumulatorIn,
  accumulatorOut,
  firstMoment,
  gradientNorm,
  lazyResetGrad,
  type Port,
  secondMoment,
  updated,
} from "./contract.ts";

/** The files of a set; each model may be missing but the training model. */
export interface OfficialFiles {
  readonly training: Uint8Array;
  readonly evaluation: Uint8Array | null;
  readonly optimizer: Uint8Array | null;
  /** Reads files of external data beside the models; null where there are none. */
  readonly external?: ExternalData | null;
}

/** A parameter in the type that the device holds: float32, or int32 for a frozen integer. */
export interface OfficialParameter extends Port {
  readonly trainable: boolean;
}

/** Artifacts whose roles are known. */
export interface OfficialSet {
  /** Identifies the files. */
  readonly key: string;
  readonly training: ForeignModel;
  readonly evaluation: ForeignModel | null;
  readonly optimizer: ForeignModel | null;
  readonly parameters: readonly OfficialParameter[];
  /** Inputs that a batch gives, of the training and the eval model: user inputs and labels. */
  readonly feeds: readonly ForeignPort[];
  /** Name of the loss, the first output. */
  readonly loss: string;
  /** Operators of all models that cannot be lowered. */
  readonly unknown: readonly UnknownOperator[];
}

/** A lowered model of a set, with what the host gives it beside batch and parameters. */
export interface OfficialArtifact extends Artifact {
  readonly masks: readonly Mask[];
  readonly corrections: readonly Correction[];
  readonly labels: readonly LabelRange[];
}

/** Reads the files and finds the roles. Throws a GraphError that names the file and what is wrong with it. */
export function openOfficial(files: OfficialFiles, checkpoint: OrtCheckpoint): OfficialSet {
  const read = (name: string, bytes: Uint8Array): ForeignModel => {
    try {
      return readForeign(bytes, files.external ?? null);
    } catch (error) {
      if (!(error instanceof GraphError)) throw error;
      throw new GraphError(`${name}: ${error.message}`, { cause: error });
    }
  };
  const training = read("training_model.onnx", files.training);
  const evaluation = files.evaluation && read("eval_model.onnx", files.evaluation);
  const optimizer = files.optimizer && read("optimizer_model.onnx", files.optimizer);
  const [loss] = training.outputs;
  if (!loss) throw new GraphError("training_model.onnx has no output, so there is no loss");
  const parameters = parametersOf(checkpoint, training);
  const known = new Set([lazyResetGrad, ...parameters.flatMap(({ name }) => [name, accumulatorIn(name)])]);
  return {
    key: keyOf(files),
    training,
    evaluation,
    optimizer,
    parameters,
    feeds: [
      ...new Map([...(evaluation?.inputs ?? []), ...training.inputs].map((port) => [port.name, port])).values(),
    ].filter(({ name }) => !known.has(name)),
    loss: loss.name,
    unknown: [training, evaluation, optimizer].flatMap((model) => (model ? unknownOperators(model) : [])),
  };
}

function parametersOf(checkpoint: OrtCheckpoint, training: ForeignModel): OfficialParameter[] {
  const ports = new Map(training.inputs.map((port) => [port.name, port]));
  const of = (trainable: boolean) =>
    checkpoint[trainable ? "trainable" : "frozen"].map(({ name, shape }): OfficialParameter => {
      const port = ports.get(name);
      if (!port) throw new GraphError(`the checkpoint has ${cut(name)}, but training_model.onnx has no such input`);
      const fits = port.dims?.every((size, axis) => typeof size !== "number" || size === shape[axis]) ?? true;
      if (!fits || (port.dims && port.dims.length !== shape.length))
        throw new GraphError(
          `${cut(name)} is [${shape.join(", ")}] in the checkpoint, but [${cut(port.dims?.join(", ") ?? "")}] in training_model.onnx`,
        );
      const dtype = loweredDType(port.dtype);
      if (!dtype) throw new GraphError(`parameter ${cut(name)} is ${port.dtype}, which no lowered graph has`);
      if (trainable && !ports.has(accumulatorIn(name)))
        throw new GraphError(
          `training_model.onnx has no input ${cut(accumulatorIn(name), 120)}: the gradient has no place`,
        );
      return { name, dtype, shape, trainable };
    });
  if (checkpoint.nominal)
    throw new GraphError(
      "the checkpoint is nominal: it has names without numbers. Use the one that was written with the weights",
    );
  const parameters = [...of(true), ...of(false)];
  const [missing] = training.inputs.filter(
    ({ name }) => name.endsWith(accumulatorIn("")) && !parameters.some((own) => accumulatorIn(own.name) === name),
  );
  if (missing)
    throw new GraphError(`training_model.onnx trains ${cut(missing.name)}, but the checkpoint has no such parameter`);
  return parameters;
}

function keyOf({ training, evaluation, optimizer }: OfficialFiles): string {
  return [training, evaluation, optimizer]
    .map((bytes) => (bytes ? `${(~updateCrc(-1, bytes) >>> 0).toString(16)}-${bytes.length}` : "none"))
    .join(".");
}

const updatedName = (input: string) =>
  input.endsWith(accumulatorIn("")) ? accumulatorOut(input.slice(0, -accumulatorIn("").length)) : updated(input);

/** The model as an artifact. Throws a GraphError for what cannot be lowered. */
function lowered(kind: ArtifactKind, key: string, model: ForeignModel, options: LoweringOptions): OfficialArtifact {
  const { graph, aliases, masks, corrections, labels } = lowerModel(model, { ...options, updatedName });
  const build = (): Graph => graph;
  return {
    kind,
    key: `official ${kind} ${key}`,
    inputs: graph.inputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    outputs: graph.outputs.map(({ name, dtype, shape }) => ({ name, dtype, shape })),
    aliases,
    masks,
    corrections,
    labels,
    graph: build,
    bytes: () => writeModel(graph),
  };
}

export type FeedShapes = Readonly<Record<string, Shape>>;

/** Shapes of the model's inputs: those of the feeds that it has, and of the parameters and accumulators. */
function shapesFor({ parameters }: OfficialSet, model: ForeignModel, feeds: FeedShapes): FeedShapes {
  const inputs = new Set(model.inputs.map(({ name }) => name));
  const all = [
    ...Object.entries(feeds),
    ...parameters.flatMap(({ name, shape }) => [[name, shape] as const, [accumulatorIn(name), shape] as const]),
  ];
  return Object.fromEntries(all.filter(([name]) => inputs.has(name)));
}

const keyOfShapes = (key: string, feeds: FeedShapes) => `${key} ${JSON.stringify(feeds)}`;

/** The training artifact for feeds of these shapes: loss and accumulators. */
export const officialTraining = (set: OfficialSet, feeds: FeedShapes): OfficialArtifact =>
  lowered("training", keyOfShapes(set.key, feeds), set.training, { shapes: shapesFor(set, set.training, feeds) });

/** The eval artifact for feeds of these shapes. Throws a GraphError where the set has none. */
export function officialEvaluation(set: OfficialSet, feeds: FeedShapes): OfficialArtifact {
  if (!set.evaluation) throw new GraphError("there is no eval_model.onnx, so nothing can be evaluated");
  const shapes = shapesFor(set, set.evaluation, feeds);
  return lowered("eval", keyOfShapes(set.key, feeds), set.evaluation, { shapes });
}

/** The optimizer artifact over all trained parameters. Throws a GraphError where the set has none. */
export function officialOptimizer(set: OfficialSet): OfficialArtifact {
  if (!set.optimizer) throw new GraphError("there is no optimizer_model.onnx, so no parameter can be updated");
  const trained = set.parameters.filter(({ trainable }) => trainable);
  const list = (of: (name: string) => string) => trained.map(({ name, shape }) => ({ name: of(name), shape }));
  // ONNX Runtime fixes these names.
  const sequences = Object.fromEntries([
    ["params", list((name) => name)],
    ["gradients", list(accumulatorIn)],
    ["first_order_moments", list(firstMoment)],
    ["second_order_moments", list(secondMoment)],
  ]);
  return lowered("optimizer", set.key, set.optimizer, { sequences, gradientNorm });
}
