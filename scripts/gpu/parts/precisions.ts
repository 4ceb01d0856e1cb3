/** Gradients and loss with weights in every storage beside float64, on the numbers that are stored. */

import { compileTraining } from "../../../src/artifacts/compile.ts";
import { accumulatorOut, lossSum } from "../../../src/artifacts/contract.ts";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { withPrecision } from "../../../src/models/architecture.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { HostTensor } from "../../../src/runtime/types.ts";
import { weightStorages } from "../../../src/tensor/storage.ts";
import { interpret, type Tensor, tensor } from "../../../tests/numeric/reference.ts";
import { distance, walkTolerance } from "../../../tests/numeric/tolerance.ts";
import {
  loraOf,
  precisionBatch,
  precisionFeeds,
  precisionModels,
  precisionShape,
  storedAs,
} from "../../../tests/support/precisions.ts";
import { numbers } from "../../../tests/support/smallArtifacts.ts";
import type { RunPart } from "../part.ts";
import { atMost, skipped } from "../row.ts";

const asTensors = (feeds: Readonly<Record<string, HostTensor>>) =>
  Object.fromEntries(Object.entries(feeds).map(([name, host]) => [name, tensor(host.shape, numbers(host))]));

const numbersOf = (outputs: Readonly<Record<string, HostTensor | Tensor>>, name: string) =>
  Array.from<number | bigint, number>(outputs[name]?.data ?? [], Number);

export const run: RunPart = async ({ entries, adapter, scale, report }) => {
  const runtime = await createRuntime("webgpu", { entries });
  const batch = precisionBatch();
  for (const [name, model] of Object.entries(precisionModels).slice(0, scale.families)) {
    const method = loraOf(model);
    const trained = parametersOf(model, method).filter(({ trainable }) => trainable);
    for (const compute of ["float32", "float16"] as const) {
      if (compute === "float16" && !adapter.shaderF16) {
        report(skipped(`${name}, products in float16`, "the adapter has no shader-f16"));
        continue;
      }
      for (const storage of weightStorages) {
        const precise = withPrecision(model, { ...storedAs(storage), compute });
        const { stored, numbers: plainNumbers } = precisionFeeds(model, precise.precision, method);
        const options = { accumulates: false };
        const oracle = compileTraining(model, method, precisionShape, options).graph();
        const expected = interpret(oracle, asTensors({ ...batch, ...plainNumbers }));
        const session = await runtime.session(compileTraining(precise, method, precisionShape, options));
        const actual = await session.run({ ...batch, ...stored });
        const gradients = (outputs: Readonly<Record<string, HostTensor | Tensor>>) =>
          trained.flatMap((parameter) => numbersOf(outputs, accumulatorOut(parameter.name)));
        const title = `${name}, weights ${storage}, products ${compute}`;
        const tolerance = Number(walkTolerance(compute, model).toPrecision(2));
        report(atMost(`${title}: gradients`, distance(gradients(actual), gradients(expected)), tolerance, ""));
        const loss = distance(numbersOf(actual, lossSum), numbersOf(expected, lossSum));
        report(atMost(`${title}: loss`, loss, tolerance, ""));
        await runtime.releaseSessions();
      }
    }
  }
  await runtime.dispose();
};
