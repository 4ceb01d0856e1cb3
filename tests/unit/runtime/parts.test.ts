/** Tensors written in parts. Oracle: a typed array with the same writes. */

import { describe, expect, test } from "vitest";
import { nativeEntries } from "../../../src/runtime/nativeEntries.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import type { OrtEntries, OrtEntry } from "../../../src/runtime/provider.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { HostTensor } from "../../../src/runtime/types.ts";
import { multiplyAdd } from "./tinyArtifacts.ts";
import { writeInParts, writtenInParts } from "./writeParts.ts";

const floats = (...values: number[]): HostTensor => ({
  dtype: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});

const native = await nativeEntries();
const copied: OrtEntries = { wasm: { ...(nodeEntries.wasm as OrtEntry), capture: null }, webgpu: null };
const providers: readonly (readonly [string, OrtEntries | null])[] = [
  ["in the heap of WebAssembly", nodeEntries],
  ["in arrays that are copied", copied],
  ["in native memory", native],
];

describe.each(providers.filter(([, entries]) => entries !== null))("%s", (_, entries) => {
  const using = () => createRuntime("wasm", { entries: entries ?? nodeEntries, threads: 1 });

  test("parts land where they belong, and nowhere else", async () => {
    const runtime = await using();
    const results = await writeInParts(runtime);
    expect(results).toHaveLength(writtenInParts.length);
    for (const { got, wanted } of results) expect(got).toEqual(wanted);
    await runtime.dispose();
  });

  test("a part is written over what a run has left", async () => {
    const runtime = await using();
    const session = await runtime.session(multiplyAdd(4));
    const y = runtime.tensor("y", "float32", [4]);
    await session.run({ a: floats(1, 2, 3, 4), b: floats(1, 1, 1, 1), c: floats(0, 0, 0, 0) }, { y });
    const part = Float32Array.of(8, 9);
    y.write(part, 1);
    part[0] = 7;
    expect(await y.read()).toEqual(Float32Array.of(1, 8, 9, 4));
    await runtime.dispose();
  });

  test.each([
    ["beyond the end", "float32", [2, 3], new Float32Array(2), 5, "float32[2, 3] of 6 elements, so elements 5 to 7"],
    ["before the beginning", "float32", [6], new Float32Array(2), -1, "elements -1 to 1 cannot be written"],
    ["between two elements", "float32", [6], new Float32Array(2), 0.5, "elements 0.5 to 2.5 cannot be written"],
    ["of another type", "float32", [6], new Int32Array(2), 0, "given Int32Array of 2"],
    ["that begins within 4 bytes", "float16", [8], new Uint16Array(2), 1, "multiples of 2, so no GPU"],
    ["that ends within 4 bytes", "float16", [8], new Uint16Array(3), 2, "elements 2 to 5 do not begin and end"],
    ["of bytes that ends within 4 bytes", "uint8", [3, 3], new Uint8Array(3), 4, "multiples of 4"],
    ["whose length differs, without a place", "float32", [6], new Float32Array(5), undefined, "Float32Array of 5"],
  ] as const)("a part %s is refused, and nothing changes", async (_name, dtype, shape, data, at, message) => {
    const runtime = await using();
    const tensor = runtime.tensor("t", dtype, shape);
    const before = await tensor.read();
    expect(() => tensor.write(data.fill(1), at)).toThrow(message);
    expect(await tensor.read()).toEqual(before);
    await runtime.dispose();
  });
});
