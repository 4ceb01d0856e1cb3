/** wasm in float32 against the reference interpreter in float64, on whole artifacts read from ONNX bytes. */

import { afterAll, beforeAll, expect, test } from "vitest";
import { readModel } from "../../src/onnx/model.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { artifactFeeds, numbers, smallArtifacts, worstRelative } from "../support/smallArtifacts.ts";
import { interpret, tensor } from "./reference.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

test.each(smallArtifacts())("%s", async (_name, artifact) => {
  const inputs = artifactFeeds(artifact);
  const feeds = Object.fromEntries(
    Object.entries(inputs).map(([name, host]) => [name, tensor(host.shape, numbers(host))]),
  );
  const expected = interpret(readModel(artifact.bytes()), feeds);
  const actual = await (await runtime.session(artifact)).run(inputs);
  for (const { name } of artifact.outputs) {
    expect(worstRelative(numbers(actual[name]), Array.from(expected[name]?.data ?? [])), name).toBeLessThan(1e-5);
  }
});
