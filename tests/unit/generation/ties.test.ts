/** Ties and weights that are not finite, on wasm. Oracle: the rule of `greedy`, and equal rows of the head. Seed: 19. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { differentTokens, tiedAnswers } from "../../support/tiedAnswers.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

/** The artifact chooses where the provider is WebGPU, so the same graphs are made to choose on wasm. */
const under = (provider: "wasm" | "webgpu"): Parameters<typeof tiedAnswers>[0] => ({
  report: { ...runtime.report, provider },
  tensor: (...given) => runtime.tensor(...given),
  session: (artifact) => runtime.session(artifact),
});

describe.each(["wasm", "webgpu"] as const)("chosen as on %s", (provider) => {
  test("of equal logits the lowest id is the answer", async () => {
    const answers = await tiedAnswers(under(provider));
    expect(Math.max(...answers.flat())).toBeLessThan(differentTokens);
    expect(new Set(answers.flat()).size).toBeGreaterThan(3);
    expect(answers).toEqual(await tiedAnswers(under("wasm")));
  });

  test.each([
    ["NaN in one row of the head", Number.NaN, "token 5 is NaN"],
    ["an infinite row of the head", Number.POSITIVE_INFINITY, /NaN|highest logit is Infinity/],
  ])("%s is an error", async (_, value, message) => {
    const change = (name: string, values: Float32Array) => {
      if (name === "lm_head.weight") values.fill(value, 5 * 8, 6 * 8);
    };
    await expect(tiedAnswers(under(provider), change)).rejects.toThrow(message);
  });
});
