/** Adding to repeated rows on two threads, on the processor that Node has here and on wasm. Oracle: the counts, exactly. */

import { expect, test } from "vitest";
import { graphArtifact } from "../../../scripts/harness/graphArtifact.ts";
import { GraphBuilder } from "../../../src/onnx/builder.ts";
import { processorEntries } from "../../../src/runtime/nativeEntries.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";

const [rows, updates, width] = [8, 4096, 160] as const;

/** As one ScatterND this lost additions in every few runs. */
const runs = 20;

test.each([
  ["wasm", nodeEntries],
  ["the processor here", await processorEntries()],
])("no addition is lost on %s", { timeout: 300_000 }, async (_, entries) => {
  const b = new GraphBuilder("scatter");
  const indices = b.input("indices", "int32", [updates]);
  const values = b.input("values", "float32", [updates, width]);
  const graph = b.finish({ sums: b.scatterRows(b.expand(b.scalar(0), [rows, width]), indices, values) });
  const runtime = await createRuntime("wasm", { entries, threads: 2 });
  const session = await runtime.session(graphArtifact("training", "scatter", graph));
  const feeds = {
    indices: { dtype: "int32", shape: [updates], data: Int32Array.from({ length: updates }, (_, i) => i % 7) },
    values: { dtype: "float32", shape: [updates, width], data: new Float32Array(updates * width).fill(1) },
  } as const;
  // Sums of ones, which float32 holds exactly in any order.
  const expected = Float32Array.from({ length: rows * width }, (_, i) => {
    const row = Math.floor(i / width);
    return row === 7 ? 0 : Math.ceil((updates - row) / 7);
  });
  for (let run = 0; run < runs; run++) {
    const { sums } = await session.run(feeds);
    expect(sums?.data).toEqual(expected);
  }
  await runtime.dispose();
});
