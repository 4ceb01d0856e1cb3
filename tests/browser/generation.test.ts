/** Generation on WebGPU, where the device chooses. Oracles: wasm, where JavaScript chooses, and equal rows of the head. */

import { expect, onTestFinished, test } from "vitest";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { differentTokens, tiedAnswers } from "../support/tiedAnswers.ts";

const open = async (provider: "webgpu" | "wasm") => {
  const runtime = await createRuntime(provider, { entries: browserEntries });
  onTestFinished(() => runtime.dispose());
  return runtime;
};

test("of equal logits the lowest id is the answer, for every row, as on wasm", async () => {
  const gpu = await open("webgpu");
  const answers = await tiedAnswers(gpu);
  expect(Math.max(...answers.flat())).toBeLessThan(differentTokens);
  expect(answers).toEqual(await tiedAnswers(await open("wasm")));
  expect(gpu.memory()).toMatchObject({ tensors: 0, bytes: 0 });
});

test("a weight that is not a number is an error that names the token", async () => {
  const change = (name: string, values: Float32Array) => {
    if (name === "lm_head.weight") values.fill(Number.NaN, 5 * 8, 6 * 8);
  };
  await expect(tiedAnswers(await open("webgpu"), change)).rejects.toThrow("token 5 is NaN");
});
