/** Lowers a foreign model and runs it on a provider. */

import { graphArtifact } from "../../scripts/harness/graphArtifact.ts";
import { lowerModel } from "../../src/onnx/lower/lower.ts";
import { correctionOf } from "../../src/onnx/lower/optimizers.ts";
import { readForeign } from "../../src/onnx/readForeign.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { scalarFeed } from "../../src/training/feeds.ts";
import { loweredFeed } from "../../src/training/officialFeeds.ts";
import { type FileTensor, onnxFile } from "./onnxFile.ts";
import { type OperatorCase, own } from "./operatorCase.ts";

/** A tensor of the golden files: no element type, because comparisons are of numbers. */
export interface GoldenTensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

/** The outputs by the file's names; those that only say that an update happened are missing. */
export async function runLowered(
  runtime: Runtime,
  { title, model, feeds }: OperatorCase,
): Promise<Record<string, GoldenTensor>> {
  const { graph, flags, corrections } = lowerModel(readForeign(onnxFile(model)));
  const session = await runtime.session(graphArtifact("eval", title, graph));
  const given = {
    ...Object.fromEntries(Object.entries(feeds).map(([name, feed]) => [name, loweredFeed(name, feed)])),
    ...Object.fromEntries(
      corrections.map(({ name, base, step }) => [name, scalarFeed(correctionOf(base, Number(feeds[step]?.data[0])))]),
    ),
  };
  const inputs = Object.fromEntries(graph.inputs.map(({ name }) => [name, given[name] as (typeof given)[string]]));
  const results = await session.run(inputs);
  return Object.fromEntries(
    model.outputs.flatMap(({ name }) => {
      const result = results[name];
      return result && !flags.includes(name)
        ? [[name, { shape: result.shape, data: Array.from(result.data, Number) }]]
        : [];
    }),
  );
}

/** max |actual − expected| / max(1, |expected|) over all outputs; infinite where a shape or an output differs. */
export function worstOf(
  actual: Readonly<Record<string, GoldenTensor>>,
  expected: Readonly<Record<string, GoldenTensor>>,
): number {
  return Math.max(
    ...Object.entries(actual).map(([name, { shape, data }]) => {
      const oracle = expected[name];
      if (!oracle || oracle.shape.join() !== shape.join()) return Number.POSITIVE_INFINITY;
      return data.reduce((worst, value, i) => {
        const wanted = oracle.data[i] as number;
        return Math.max(worst, Math.abs(value - wanted) / Math.max(1, Math.abs(wanted)));
      }, 0);
    }),
  );
}

interface GoldenOperator {
  readonly op: string;
  readonly attributes: Readonly<Record<string, number | string>>;
  readonly inputs: readonly (FileTensor | null)[];
  readonly outputs: readonly GoldenTensor[];
}

/** Operands whose numbers shape the graph, so that they are constants of a file. */
const constants: Readonly<Record<string, readonly number[]>> = {
  GatherGrad: [0],
  GatherElementsGrad: [1],
  SliceGrad: [1, 2, 3],
  BroadcastGradientArgs: [0, 1],
  SoftmaxCrossEntropyLossInternal: [3],
  SoftmaxCrossEntropyLossInternalGrad: [4],
  DropoutGrad: [2, 3],
};

/** The 23 training operators that were computed one by one, as cases with their golden outputs. */
export const goldenCases = (json: unknown) =>
  (json as readonly GoldenOperator[]).map(({ op, attributes, inputs, outputs }) => {
    const operands = inputs.map((tensor, i) => tensor && { tensor, constant: constants[op]?.includes(i) ?? false });
    const built = own(op, operands, {
      attributes,
      outputs: outputs.map((_, i) => (op === "InPlaceAccumulatorV2" && i === 0 ? "bool" : "float32")),
    });
    return { built, golden: Object.fromEntries(outputs.map((output, i) => [`y${i}`, output])) };
  });
