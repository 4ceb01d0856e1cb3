/** Key and ports come from the specifications alone. Oracle: the graphs' own inputs and outputs, and a count of graphs. */

import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { lazyArtifact } from "../../../src/artifacts/artifact.ts";
import type { Artifact, Port } from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import { readModel } from "../../../src/onnx/model.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { smallArtifacts } from "../../support/smallArtifacts.ts";
import { smallLlama } from "../../support/smallLlama.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());
afterEach(() => vi.restoreAllMocks());

/** Every graph ends with this call. */
const graphsBuilt = () => vi.spyOn(GraphBuilder.prototype, "finish");

const described = (ports: readonly Port[]) =>
  ports.map(({ name, dtype, shape }) => `${name} ${dtype}[${shape}]`).sort();

test.each(smallArtifacts())("%s declares the ports of its graph and of its file", (_, artifact) => {
  for (const graph of [artifact.graph(), readModel(artifact.bytes())]) {
    expect(described(artifact.inputs)).toEqual(described(graph.inputs));
    expect(described(artifact.outputs)).toEqual(described(graph.outputs));
  }
});

test("key and ports of an artifact build no graph, nor does a second session of its key", async () => {
  const built = graphsBuilt();
  const artifact = () => compileGeneration(smallLlama(), null, { tokens: 2, capacity: 8 });
  expect(artifact().key).toBe(artifact().key);
  expect(artifact().inputs.length + artifact().outputs.length).toBeGreaterThan(10);
  expect(built).toHaveBeenCalledTimes(0);

  const session = await runtime.session(artifact());
  expect(built).toHaveBeenCalledTimes(1);
  expect(await runtime.session(artifact())).toBe(session);
  expect(built).toHaveBeenCalledTimes(1);

  await runtime.releaseSessions();
  await runtime.session(artifact());
  expect(built).toHaveBeenCalledTimes(2);
});

test("a graph with other ports than the declared ones is refused, by the port's name", () => {
  const graph = () => {
    const b = new GraphBuilder("sum");
    return b.finish({ sum: b.add(b.input("x", "float32", [2]), b.input("y", "float32", [2])) });
  };
  const port = (name: string, length = 2): Port => ({ name, dtype: "float32", shape: [length] });
  const head = {
    kind: "eval",
    key: "sum",
    inputs: [port("x"), port("y")],
    outputs: [port("sum")],
    aliases: {},
  } as const;
  expect(lazyArtifact(head, graph).graph().nodes).toHaveLength(1);
  const cases: [Partial<Artifact>, RegExp][] = [
    [{ inputs: [port("x"), port("y"), port("z")] }, /declares z float32\[2\] among its inputs/],
    [{ inputs: [port("x")] }, /has y float32\[2\] among its inputs, but it does not declare it/],
    [{ outputs: [port("sum", 3)] }, /declares sum float32\[3\] among its outputs/],
  ];
  for (const [change, message] of cases) {
    expect(() => lazyArtifact({ ...head, ...change }, graph).bytes()).toThrow(message);
  }
});
