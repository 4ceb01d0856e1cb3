/**
 * The losses of preferences as one graph from token losses to the sum over pairs, so that their gradient needs no signed
 * weights. Formulas: Rafailov et al. 2023 (DPO), Azar et al. 2023 (IPO), Meng et al. 2024 (SimPO), Hong et al. 2024 (ORPO),
 * Ethayarajh et al. 2024 (KTO). Numbers are powers of 2 where float32 constants would round them.
 */

import { wholeRows } from "../../src/artifacts/attention.ts";
import { batchPorts } from "../../src/artifacts/contract.ts";
import { type Method, scopeOf } from "../../src/artifacts/method.ts";
import { type Batch, type BatchShape, packBatch, type TokenizedExample } from "../../src/batching/batch.ts";
import {
  type AnswerRole,
  type PreferenceLoss,
  type PreferenceSettings,
  usualPreference,
} from "../../src/batching/preference.ts";
import { forward, type ModelDefinition } from "../../src/models/architecture.ts";
import type { GraphBuilder } from "../../src/onnx/builder.ts";
import type { Value } from "../../src/onnx/graph.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { batchFeeds } from "../../src/training/feeds.ts";
import { originOf } from "../support/examples.ts";

/** An answer of the batch: its reference is a float32, its weight that of its unit. */
export interface DirectAnswer {
  readonly unit: number;
  readonly role: AnswerRole;
  readonly tokens: number;
  readonly reference: number;
  readonly weight: number;
}

export const directSettings: Readonly<Record<PreferenceLoss | "dpo, smoothed" | "kto, weighed", PreferenceSettings>> = {
  dpo: { ...usualPreference.dpo, loss: "dpo", beta: 0.5, labelSmoothing: 0, gamma: 0 },
  "dpo, smoothed": { ...usualPreference.dpo, loss: "dpo", beta: 0.25, labelSmoothing: 0.125, gamma: 0 },
  ipo: { ...usualPreference.dpo, loss: "ipo", beta: 0.5, labelSmoothing: 0, gamma: 0 },
  simpo: { ...usualPreference.dpo, loss: "simpo", beta: 2, labelSmoothing: 0, gamma: 0.5 },
  orpo: { ...usualPreference.dpo, loss: "orpo", beta: 0.5, labelSmoothing: 0, gamma: 0 },
  kto: { ...usualPreference.dpo, loss: "kto", beta: 0.5, labelSmoothing: 0, gamma: 0 },
  "kto, weighed": { ...usualPreference.kto, beta: 0.5, chosenWeight: 1.5, rejectedWeight: 0.25 },
};

/** Three pairs, or for KTO two pairs, two single answers and a mismatched one, as one batch of a model with `vocabulary` ids. */
export function directBatch(
  loss: PreferenceLoss,
  vocabulary: number,
  seed: number,
): { readonly answers: readonly DirectAnswer[]; readonly batch: Batch } {
  const random = createRandom(seed);
  const roles: readonly (readonly AnswerRole[])[] =
    loss === "kto"
      ? [["chosen", "rejected"], ["rejected", "chosen"], ["rejected"], ["chosen", "mismatched"]]
      : [
          ["chosen", "rejected"],
          ["rejected", "chosen"],
          ["chosen", "rejected"],
        ];
  const answers = roles.flatMap((sides, unit) => {
    const weight = [1, 0.5, 2][unit % 3] ?? 1;
    return sides.map((role): DirectAnswer => {
      const tokens = 1 + random.below(4);
      return { unit, role, tokens, weight, reference: Math.fround(-tokens * (1.5 + 2 * random.next())) };
    });
  });
  const examples = answers.map(({ tokens }, row): TokenizedExample => {
    const length = 2 + tokens;
    return {
      origin: originOf(row),
      ids: Int32Array.from({ length }, () => random.below(vocabulary)),
      mask: new Uint8Array(length).fill(1, 2),
      weights: new Float32Array(length).fill(1),
    };
  });
  const supervised = answers.reduce((sum, { tokens }) => sum + tokens, 0);
  const batch = packBatch(
    examples.map((example) => [example]),
    { rows: examples.length, length: 6, supervised: supervised + 2 },
  );
  return { answers, batch };
}

/** The batch as the given inputs of a graph. */
export const givenOf = (batch: Batch): Record<string, number[]> =>
  Object.fromEntries(
    Object.entries(batchFeeds(batch)).map(([name, { data }]) => [
      name,
      Array.from<number | bigint, number>(data, Number),
    ]),
  );

/** The cross-entropy of each supervised position, float32 [supervised], by operators that all have gradients. */
export function directTokenLosses(b: GraphBuilder, model: ModelDefinition, method: Method, shape: BatchShape): Value {
  const { rows, length, supervised } = shape;
  const scope = scopeOf(b, model, method);
  const ids = b.input(batchPorts.inputIds, "int32", [rows, length]);
  const positions = b.requiredInput(batchPorts.positionIds, "int32", [rows, length]);
  const segments = b.input(batchPorts.segmentIds, "int32", [rows, length]);
  const index = b.input(batchPorts.supervisedIndex, "int32", [supervised]);
  const attend = wholeRows(b, model.layers, positions, segments, 1);
  const tokens = { ids: b.reshape(ids, [rows * length]), positions };
  const hidden = forward(model, scope, tokens, attend, (states) => b.gather(states, index));
  const logits = b.gemm(hidden, model.headWeight(scope).data, { transB: true });
  const target = b.reshape(b.input(batchPorts.targets, "int32", [supervised]), [supervised, 1]);
  const losses = b.sub(b.log(b.reduceSum(b.exp(logits), [1])), b.gatherElements(logits, target, 1));
  return b.reshape(losses, [supervised]);
}

/**
 * Σ weight · loss of the batch's answers, a float32 [1, 1]. `perToken` is the cross-entropy of each supervised position; `z` is
 * KTO's mean log-ratio of mismatched answers, a constant.
 */
export function directPreference(
  b: GraphBuilder,
  { loss, beta, labelSmoothing, gamma, chosenWeight, rejectedWeight }: PreferenceSettings,
  answers: readonly DirectAnswer[],
  perToken: Value,
  z: number,
): Value {
  const [positions] = perToken.shape as [number];
  const matrix = (rows: number, columns: number, at: (row: number, column: number) => number) =>
    b.constant(
      "float32",
      [rows, columns],
      Float32Array.from({ length: rows * columns }, (_, i) => at(Math.floor(i / columns), i % columns)),
    );
  const column = (values: readonly number[]) => matrix(values.length, 1, (row) => values[row] ?? 0);
  const begins = answers.map((_, i) => answers.slice(0, i).reduce((sum, { tokens }) => sum + tokens, 0));
  const within = (answer: number, position: number) => {
    const from = begins[answer] ?? 0;
    return position >= from && position < from + (answers[answer]?.tokens ?? 0);
  };
  const scores = b.matMul(
    matrix(answers.length, positions, (answer, position) => (within(answer, position) ? -1 : 0)),
    b.reshape(perToken, [positions, 1]),
  );
  const ratios = b.sub(scores, column(answers.map(({ reference }) => reference)));
  const perAnswer = column(answers.map(({ tokens }) => tokens));
  const logSigmoid = (x: Value) => b.log(b.sigmoid(x));
  const sumOf = (losses: Value, weights: readonly number[]) =>
    b.matMul(
      matrix(1, weights.length, (_, i) => weights[i] ?? 0),
      losses,
    );

  if (loss === "kto") {
    const own = answers.map(({ role }) => (role === "mismatched" ? 0 : role === "chosen" ? 1 : -1));
    const signed = b.mul(column(own), b.mul(b.scalar(beta), b.sub(ratios, b.scalar(z))));
    return sumOf(
      b.sub(b.scalar(1), b.sigmoid(signed)),
      answers.map(
        ({ weight, role }) => weight * { chosen: chosenWeight, rejected: rejectedWeight, mismatched: 0 }[role],
      ),
    );
  }

  const units = [...new Set(answers.map(({ unit }) => unit))];
  const pick = (chosen: number, rejected: number) =>
    matrix(units.length, answers.length, (unit, answer) => {
      const { unit: own, role } = answers[answer] as DirectAnswer;
      return own !== units[unit] ? 0 : role === "chosen" ? chosen : rejected;
    });
  const difference = pick(1, -1);
  const means = b.div(scores, perAnswer);
  const weights = units.map((unit) => answers.find((answer) => answer.unit === unit)?.weight ?? 1);
  switch (loss) {
    case "dpo": {
      const x = b.mul(b.scalar(beta), b.matMul(difference, ratios));
      const right = b.mul(b.scalar(labelSmoothing - 1), logSigmoid(x));
      return sumOf(b.add(right, b.mul(b.scalar(-labelSmoothing), logSigmoid(b.neg(x)))), weights);
    }
    case "ipo": {
      const distance = b.sub(b.matMul(difference, b.div(ratios, perAnswer)), b.scalar(1 / (2 * beta)));
      return sumOf(b.mul(distance, distance), weights);
    }
    case "simpo": {
      const x = b.sub(b.mul(b.scalar(beta), b.matMul(difference, means)), b.scalar(gamma));
      return sumOf(b.neg(logSigmoid(x)), weights);
    }
    case "orpo": {
      const odds = b.sub(means, b.log(b.sub(b.scalar(1), b.exp(means))));
      const preference = b.mul(b.scalar(-beta), logSigmoid(b.matMul(difference, odds)));
      return sumOf(b.sub(preference, b.matMul(pick(1, 0), means)), weights);
    }
  }
}
