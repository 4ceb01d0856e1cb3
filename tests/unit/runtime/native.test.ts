/** Native ONNX Runtime, where a person has installed it. Oracle: the wasm build on the same small Llama and batches. */

import { describe, expect, test } from "vitest";
import { nativeEntries, processorEntries } from "../../../src/runtime/nativeEntries.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { trainOn } from "./trainOn.ts";

const native = await nativeEntries();
if (native === null)
  console.log("Native ONNX Runtime is not compared: npm install --no-save onnxruntime-node brings it.");

/** Far above what they take, for a machine that is busy otherwise. */
const timeout = 300_000;

test("the processor is native where it is installed, else WebAssembly", async () => {
  const { wasm } = await processorEntries();
  expect("native" in wasm).toBe(native !== null);
  if (native === null) expect(wasm).toBe(nodeEntries.wasm);
});

describe.skipIf(native === null)("native", () => {
  test("losses, gradient norms, parameters and moments are those of wasm", { timeout }, async () => {
    const [own, oracle] = [await trainOn(native ?? nodeEntries), await trainOn(nodeEntries)];
    expect(own.report).toMatchObject({ provider: "wasm", threads: 1, adapter: null });
    expect(own.report.reason).toMatch(/^The processor was chosen: native ONNX Runtime \d+\.\d+\.\d+, with 1 thread\.$/);
    own.outcomes.forEach((outcome, i) => {
      const expected = oracle.outcomes[i];
      if (outcome.kind !== "updated" || expected?.kind !== "updated") throw new Error(`step ${i + 1} did not update`);
      expect(Math.abs(outcome.loss / expected.loss - 1)).toBeLessThan(1e-5);
      expect(Math.abs(outcome.gradientNorm / expected.gradientNorm - 1)).toBeLessThan(1e-4);
    });
    expect(own.tensors.map(({ name }) => name)).toEqual(oracle.tensors.map(({ name }) => name));
    own.tensors.forEach(({ name, values }, i) => {
      const expected = oracle.tensors[i]?.values ?? new Float32Array();
      // Relative to the tensor's own size: Adam divides by a root, so that single small numbers differ more.
      const size = Math.max(...expected.map(Math.abs));
      const worst = Math.max(...values.map((value, k) => Math.abs(value - (expected[k] ?? Number.NaN))));
      expect([name, worst / size < 1e-3]).toEqual([name, true]);
    });
    expect(own.memory).toMatchObject({ tensors: 0, bytes: 0 });
  });

  test("the same run gives the same bits", { timeout }, async () => {
    const [one, other] = [await trainOn(native ?? nodeEntries), await trainOn(native ?? nodeEntries)];
    expect(other.outcomes).toEqual(one.outcomes);
    expect(other.tensors).toEqual(one.tensors);
  });
});
