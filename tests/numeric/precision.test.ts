/**
 * Weights in every storage, on wasm. Oracle: the plain graph in float64 on the reference interpreter, with the numbers that
 * are stored. So only arithmetic is compared, and what storage costs is not in the comparison.
 */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtArtifact } from "../../src/artifacts/artifact.ts";
import { compileEvaluation, compileTraining } from "../../src/artifacts/compile.ts";
import { accumulatorOut, lossSum, tokenLoss } from "../../src/artifacts/contract.ts";
import { parametersOf } from "../../src/artifacts/method.ts";
import { withPrecision } from "../../src/models/architecture.ts";
import { Scope } from "../../src/nn/scope.ts";
import { lookup } from "../../src/nn/weight.ts";
import { GraphBuilder } from "../../src/onnx/builder.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { createRandom } from "../../src/tensor/random.ts";
import { encode, partsOf, weightStorages } from "../../src/tensor/storage.ts";
import {
  loraOf,
  precisionBatch,
  precisionFeeds,
  precisionModels,
  precisionShape,
  storedAs,
  storedValues,
} from "../support/precisions.ts";
import { numbers } from "../support/smallArtifacts.ts";
import { interpret, type Tensor, tensor } from "./reference.ts";
import { distance, walkTolerance } from "./tolerance.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

const asTensors = (feeds: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(Object.entries(feeds).map(([name, host]) => [name, tensor(host.shape, numbers(host))]));

describe.each(Object.entries(precisionModels))("%s", (_name, model) => {
  const method = loraOf(model);
  const batch = precisionBatch();

  test.each(weightStorages)("%s", async (storage) => {
    const precise = withPrecision(model, storedAs(storage));
    const { stored, numbers: plainNumbers } = precisionFeeds(model, precise.precision, method);
    const options = { accumulates: false };
    const expected = interpret(
      compileTraining(model, method, precisionShape, options).graph(),
      asTensors({ ...batch, ...plainNumbers }),
    );
    const artifact = compileTraining(precise, method, precisionShape, options);
    const actual = await (await runtime.session(artifact)).run({ ...batch, ...stored });

    const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
    const gradients = (outputs: Readonly<Record<string, HostTensor | Tensor>>) =>
      trained.flatMap(({ name }) => Array.from(outputs[accumulatorOut(name)]?.data ?? [], Number));
    expect(gradients(actual).length).toBeGreaterThan(1000);
    expect(distance(gradients(actual), gradients(expected))).toBeLessThan(walkTolerance("float32", model));
    expect(distance(numbers(actual[lossSum]), [...(expected[lossSum]?.data ?? [])])).toBeLessThan(
      walkTolerance("float32", model),
    );
  });

  test.each(weightStorages)("%s: the loss of each token", async (storage) => {
    const precise = withPrecision(model, storedAs(storage));
    const { stored, numbers: plainNumbers } = precisionFeeds(model, precise.precision, method);
    const expected = interpret(
      compileEvaluation(model, method, precisionShape).graph(),
      asTensors({ ...batch, ...plainNumbers }),
    );
    const session = await runtime.session(compileEvaluation(precise, method, precisionShape));
    const actual = await session.run({ ...batch, ...stored });
    expect(distance(numbers(actual[tokenLoss]), [...(expected[tokenLoss]?.data ?? [])])).toBeLessThan(
      walkTolerance("float32", model),
    );
  });
});

test.each(
  weightStorages.flatMap((storage) => (["float32", "float16"] as const).map((compute) => [storage, compute] as const)),
)("rows of %s for products in %s are looked up exactly", async (storage, compute) => {
  const [rows, columns] = [11, 128];
  const random = createRandom(8);
  const values = Float32Array.from({ length: rows * columns }, () => 0.05 * random.normal());
  const ids = [10, 0, 3, 10];
  const b = new GraphBuilder("lookup");
  const weight = Scope.root(b, null, storedAs(storage, compute)).in("w").table([rows, columns]);
  const graph = b.finish({ y: b.add(lookup(b, weight, b.input("ids", "int32", [4])), b.scalar(0)) });
  const feeds: Record<string, HostTensor> = { ids: { dtype: "int32", shape: [4], data: Int32Array.from(ids) } };
  const parts = encode(storage, values, columns, compute);
  partsOf(storage, [rows, columns], compute).forEach(({ suffix, dtype, shape }, i) => {
    feeds[`w.weight${suffix}`] = { dtype, shape, data: parts[i] as HostTensor["data"] };
  });
  const { y } = await (await runtime.session(builtArtifact("eval", `${storage} ${compute}`, graph))).run(feeds);
  const stored = storedValues(storage, values, columns);
  const expected = ids.flatMap((id) => [...stored.subarray(id * columns, (id + 1) * columns)]);
  // Zeros have a sign, which may differ.
  expect(numbers(y).map((value) => value + 0)).toEqual(expected.map((value) => value + 0));
});
