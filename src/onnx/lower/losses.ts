/** The cross-entropy losses of ONNX Runtime's training and their gradients. */

import { sizeOf } from "../../tensor/dtype.ts";
import { GraphError, type Value } from "../graph.ts";
import type { Call, Lowering } from "./call.ts";
import { logSoftmax } from "./reductions.ts";

/** Index that ONNX Runtime's kernel ignores where the file names none. */
const noIndex = -1;

interface Labels {
  /** int32 [M, 1], 0 where a label is ignored. */
  readonly safe: Value;
  /** float32 [M, 1]: the class's weight, or 1, and 0 where a label is ignored. */
  readonly weight: Value;
}

function readLabels(c: Call, labels: Value, classes: number, weights: Value | undefined, ignored: number): Labels {
  const b = c.b;
  const known = c.effects.labels.some(({ input }) => input === labels.name);
  if (!labels.data && !b.isComputed(labels) && !known) c.effects.labels.push({ input: labels.name, classes, ignored });
  const column = b.reshape(b.cast(labels, "int32"), [sizeOf(labels.shape), 1]);
  const wrong = b.equal(column, b.scalar(ignored, "int32"));
  const safe = b.where(wrong, b.scalar(0, "int32"), column);
  const weight = weights ? b.gather(weights, safe) : b.scalar(1);
  return { safe, weight: b.where(wrong, b.scalar(0), weight) };
}

/** [N, C, d…] as rows [M, C]: the classes are the last axis. */
function rowsOf(c: Call, x: Value): Value {
  const classes = x.shape[1];
  if (!classes) throw new GraphError(`scores must be [N, C, …] with classes, not [${x.shape.join(", ")}]`);
  const axes = x.shape.map((_, axis) => axis);
  const last = c.b.transpose(x, [0, ...axes.slice(2), 1]);
  return c.b.reshape(last, [sizeOf(x.shape) / classes, classes]);
}

/** Rows [M, C] back as [N, C, d…]. */
function fromRows(c: Call, rows: Value, shape: readonly number[]): Value {
  const [n, classes, ...rest] = shape as [number, number];
  const last = c.b.reshape(rows, [n, ...rest, classes]);
  const axes = last.shape.map((_, axis) => axis);
  return c.b.transpose(last, [0, axes.length - 1, ...axes.slice(1, -1)]);
}

/** Σ of the labels' weights, at least the smallest that divides safely: with no label the loss is 0. */
function denominator(c: Call, { weight }: Labels): Value {
  const sum = c.b.reduceSum(weight, [0]);
  return c.b.where(c.b.equal(sum, c.b.scalar(0)), c.b.scalar(1), sum);
}

/** The index that is ignored: an attribute, or operand 3 of the internal kind. */
const ignoredIndex = (c: Call, operand: number | null): number =>
  operand === null ? c.number("ignore_index", noIndex) : c.scalar(operand, noIndex);

const loss =
  (ignored: number | null): Lowering =>
  (c) => {
    const b = c.b;
    const [scores, given] = [c.in(0), c.in(1)];
    const x = rowsOf(c, scores);
    const labels = readLabels(c, given, x.shape[1] as number, c.optional(2), ignoredIndex(c, ignored));
    const logs = logSoftmax(c, x, [1]);
    const logProb = c.wants(1) ? fromRows(c, logs, scores.shape) : undefined;
    return [reduced(c, labels, b.gatherElements(logs, labels.safe, 1), given), logProb];
  };

/** −w·log P of each row [M, 1], reduced as the node says. */
function reduced(c: Call, labels: Labels, logProb: Value, given: Value): Value {
  const b = c.b;
  const each = b.neg(b.mul(logProb, labels.weight));
  const reduction = c.text("reduction", "mean");
  if (reduction === "none") return b.reshape(each, given.shape);
  const sum = b.reduceSum(each, [0]);
  return b.reshape(reduction === "sum" ? sum : b.div(sum, denominator(c, labels)), []);
}

/** (exp(log P) − onehot)·dY·w ÷ Σw; ignored rows are 0. */
const lossGrad =
  (ignored: number | null): Lowering =>
  (c) => {
    const b = c.b;
    const [dy, logProb, given] = [c.in(0), c.in(1), c.in(2)];
    const logs = rowsOf(c, logProb);
    const classes = b.range(0, logs.shape[1] as number);
    const labels = readLabels(c, given, sizeOf(classes.shape), c.optional(3), ignoredIndex(c, ignored));
    const hit = b.cast(b.equal(labels.safe, classes), "float32");
    const reduction = c.text("reduction", "mean");
    const each = b.reshape(dy, reduction === "none" ? [sizeOf(given.shape), 1] : [1, 1]);
    const scaled = reduction === "mean" ? b.div(each, denominator(c, labels)) : each;
    const rows = b.mul(b.sub(b.exp(logs), hit), b.mul(labels.weight, scaled));
    const dx = fromRows(c, rows, logProb.shape);
    const bias = c.optional(ignored === null ? 4 : 5);
    return bias ? b.add(dx, b.reshape(bias, dx.shape)) : dx;
  };

/** The loss from log-probabilities [N, C, d…] that the graph computes itself. */
const logLikelihood =
  (ignored: number | null): Lowering =>
  (c) => {
    const given = c.in(1);
    const logs = rowsOf(c, c.in(0));
    const labels = readLabels(c, given, logs.shape[1] as number, c.optional(2), ignoredIndex(c, ignored));
    return reduced(c, labels, c.b.gatherElements(logs, labels.safe, 1), given);
  };

export const losses = {
  SoftmaxCrossEntropyLoss: loss(null),
  SoftmaxCrossEntropyLossInternal: loss(3),
  SoftmaxCrossEntropyLossGrad: lossGrad(null),
  SoftmaxCrossEntropyLossInternalGrad: lossGrad(4),
  NegativeLogLikelihoodLoss: logLikelihood(null),
  NegativeLogLikelihoodLossInternal: logLikelihood(3),
} as const satisfies Readonly<Record<string, Lowering>>;
