/** The runtime on wasm under Node. Oracles: the formula of each tiny graph in JavaScript, and the account. */

import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { Artifact } from "../../../src/artifacts/contract.ts";
import { RunError, RuntimeError } from "../../../src/runtime/errors.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../../src/runtime/types.ts";
import { threadsFor } from "../../../src/runtime/wasmProvider.ts";
import { accumulate, decayUpdate, doubleHalf, gatherRows, multiplyAdd, tinyArtifact } from "./tinyArtifacts.ts";

const floats = (...values: number[]): HostTensor => ({
  dtype: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});

const flag = (value: boolean): HostTensor => ({ dtype: "bool", shape: [1], data: Uint8Array.of(Number(value)) });

let runtime: Runtime;
beforeEach(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterEach(() => runtime.dispose());

describe("the provider", () => {
  test("the report names the provider, the reason and the threads", () => {
    expect(runtime.report).toMatchObject({ provider: "wasm", threads: 1, crossOriginIsolated: false, adapter: null });
    expect(runtime.report.reason).toBe("The processor was chosen, so Hone runs on the processor with 1 thread.");
  });

  test("auto falls back to wasm and says why; webgpu refuses with the way out", async () => {
    const automatic = await createRuntime("auto", { entries: nodeEntries, threads: 1 });
    expect(automatic.report.reason).toMatch(/no WebGPU .* so Hone runs on the processor with 1 thread\.$/);
    await automatic.dispose();
    await expect(createRuntime("webgpu", { entries: nodeEntries })).rejects.toThrow(/choose the processor instead/);
  });

  test("another number of threads is refused, because ONNX Runtime keeps its first", async () => {
    await expect(createRuntime("wasm", { entries: nodeEntries, threads: 2 })).rejects.toThrow(/uses 1 .* but 2 were/);
  });

  test.each([
    [1, 1],
    [2, 2],
    [4, 4],
    [6, 4],
    [8, 4],
    [12, 6],
    [16, 8],
    [64, 8],
  ])("%i logical cores get %i threads", (cores, threads) => expect(threadsFor(cores)).toBe(threads));
});

describe("runs", () => {
  test("host and device inputs, host and device outputs", async () => {
    const session = await runtime.session(multiplyAdd(3));
    const a = runtime.tensor("a", "float32", [3], Float32Array.of(1, 2, 3));
    const y = runtime.tensor("y", "float32", [3]);
    expect(await y.read()).toEqual(new Float32Array(3));
    expect(await session.run({ a, b: floats(4, 5, 6), c: floats(1, 1, 1) })).toEqual({ y: floats(5, 11, 19) });
    expect(await session.run({ a, b: floats(4, 5, 6), c: floats(0, 0, 0) }, { y })).toEqual({});
    expect(await y.read()).toEqual(Float32Array.of(4, 10, 18));
    expect(await session.run({ a, b: a, c: y }, {})).toEqual({ y: floats(5, 14, 27) });
  });

  test("an output over the input that it aliases: twenty updates in place", async () => {
    const session = await runtime.session(decayUpdate(2));
    const p = runtime.tensor("p", "float32", [2], Float32Array.of(1, -2));
    const expected = [1, -2];
    for (let step = 1; step <= 20; step++) {
      const { total } = await session.run({ p, g: floats(1, 3), rate: floats(step / 10) }, { "p.out": p });
      expected.forEach((value, i) => {
        expected[i] = 0.9 * value - (step / 10) * (i === 0 ? 1 : 3);
      });
      expect(total?.data[0]).toBeCloseTo((expected[0] ?? 0) + (expected[1] ?? 0), 4);
    }
    const values = await p.read();
    expected.forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 4);
    });
  });

  test("an accumulator is added to, and a reset clears even NaN", async () => {
    const session = await runtime.session(accumulate(2));
    const acc = runtime.tensor("acc", "float32", [2], Float32Array.of(Number.NaN, 7));
    await session.run({ acc, g: floats(1, 2), reset: flag(true) }, { "acc.out": acc });
    await session.run({ acc, g: floats(10, 20), reset: flag(false) }, { "acc.out": acc });
    expect(await acc.read()).toEqual(Float32Array.of(11, 22));
  });

  test("float16 goes in and comes back as bits", async () => {
    const session = await runtime.session(doubleHalf(2));
    const x = runtime.tensor("x", "float16", [2], Uint16Array.of(0x3c00, 0xc200)); // 1, −3
    const { y } = await session.run({ x });
    expect(y).toEqual({ dtype: "float16", shape: [2], data: Uint16Array.of(0x4000, 0xc600) }); // 2, −6
    const bound = runtime.tensor("y", "float16", [2]);
    await session.run({ x }, { y: bound });
    expect(await bound.read()).toEqual(Uint16Array.of(0x4000, 0xc600));
  });

  test("calls that are not awaited run in the order asked, reads among them", async () => {
    const session = await runtime.session(decayUpdate(1));
    const p = runtime.tensor("p", "float32", [1], Float32Array.of(0));
    const seen: Promise<unknown>[] = [];
    for (let step = 0; step < 3; step++) {
      void session.run({ p, g: floats(1), rate: floats(-1) }, { "p.out": p });
      seen.push(p.read().then((data) => Number(data[0]).toFixed(3)));
    }
    expect(await Promise.all(seen)).toEqual(["1.000", "1.900", "2.710"]);
  });

  test("what is read and written is copied", async () => {
    const data = Float32Array.of(1, 2);
    const tensor = runtime.tensor("copied", "float32", [2], data);
    data[0] = 9;
    const read = await tensor.read();
    read[1] = 9;
    expect(await tensor.read()).toEqual(Float32Array.of(1, 2));
    tensor.write(data);
    data[0] = 5;
    expect(await tensor.read()).toEqual(Float32Array.of(9, 2));
  });
});

describe("what is given is checked, and the session lives on", () => {
  const good = { a: floats(1, 2), b: floats(1, 2), c: floats(1, 2) };
  const where = "training artifact multiplyAdd 2";
  test.each([
    ["missing", { a: floats(1, 2), b: floats(1, 2) }, `Input c of the ${where}, float32[2], is missing`],
    ["unknown", { ...good, d: floats(1) }, `The ${where} has no input d; its inputs are a, b, c`],
    ["shape", { ...good, b: floats(1) }, `Input b of the ${where} is float32[2] but was given float32[1]`],
    ["dtype", { ...good, b: { dtype: "int32", shape: [2], data: new Int32Array(2) } }, "but was given int32[2]"],
    ["array", { ...good, b: { dtype: "float32", shape: [2], data: new Int32Array(2) } }, "given Int32Array of 2"],
    ["length", { ...good, b: { dtype: "float32", shape: [2], data: new Float32Array(3) } }, "Float32Array of 3"],
  ] as const)("input: %s", async (_case, inputs, message) => {
    const session = await runtime.session(multiplyAdd(2));
    await expect(session.run(inputs)).rejects.toThrow(message);
    expect(await session.run(good)).toEqual({ y: floats(2, 6) });
    expect(await runtime.session(multiplyAdd(2))).toBe(session);
  });

  test("outputs: unknown, of another shape, bound twice, or over an input that the artifact does not allow", async () => {
    const session = await runtime.session(decayUpdate(2));
    const [p, g, rate] = ["p", "g", "rate"].map((label) =>
      runtime.tensor(label, "float32", [label === "rate" ? 1 : 2]),
    );
    if (!p || !g || !rate) throw new Error("three tensors");
    await expect(session.run({ p, g, rate }, { q: p })).rejects.toThrow(/no output q; its outputs are p\.out, total/);
    await expect(session.run({ p, g, rate }, { "p.out": rate })).rejects.toThrow("given float32[1] (rate)");
    await expect(session.run({ p, g, rate }, { "p.out": g })).rejects.toThrow(/input g, but it may only share .* p;/);
    await expect(session.run({ p, g: p, rate }, { "p.out": p })).rejects.toThrow(/tensor of input g/);
    await expect(session.run({ p, g, rate }, { total: rate })).rejects.toThrow(/input rate, but .* that of no input/);
    const pair = tinyArtifact("pair", {
      inputs: [{ name: "x", dtype: "float32", shape: [1] }],
      outputs: [
        { name: "y", dtype: "float32", shape: [1] },
        { name: "z", dtype: "float32", shape: [1] },
      ],
      nodes: [
        { op: "Neg", inputs: ["x"], output: "y" },
        { op: "Exp", inputs: ["x"], output: "z" },
      ],
    });
    const paired = await runtime.session(pair);
    await expect(paired.run({ x: floats(1) }, { y: rate, z: rate })).rejects.toThrow(/bound to rate, like output y/);
  });

  test("an artifact that declares other ports than its model has is refused and leaves no session", async () => {
    const artifact = multiplyAdd(2);
    const cases: [Artifact, string][] = [
      [{ ...artifact, inputs: artifact.inputs.slice(1) }, "has a input a that it does not declare"],
      [
        { ...artifact, outputs: [{ name: "y", dtype: "int32", shape: [2] }] },
        "y as int32[2], but its model has float32[2]",
      ],
      [{ ...artifact, outputs: [{ name: "z", dtype: "float32", shape: [2] }] }, "but its model has none of that name"],
    ];
    for (const [wrong, message] of cases) await expect(runtime.session(wrong)).rejects.toThrow(message);
    expect(runtime.memory().sessions).toBe(0);
  });
});

describe("sessions", () => {
  test("one per key, also when asked for at once; released ones are built anew", async () => {
    const [first, second] = await Promise.all([runtime.session(multiplyAdd(2)), runtime.session(multiplyAdd(2))]);
    expect(second).toBe(first);
    const other = await runtime.session(multiplyAdd(3));
    expect(runtime.memory().sessions).toBe(2);
    await runtime.releaseSessions(({ key }) => key === "multiplyAdd 2");
    expect(runtime.memory().sessions).toBe(1);
    expect(await runtime.session(multiplyAdd(3))).toBe(other);
    await expect(first.run({ a: floats(1, 2), b: floats(1, 2), c: floats(1, 2) })).rejects.toThrow(/been released/);
    const again = await runtime.session(multiplyAdd(2));
    expect(again).not.toBe(first);
    expect(await again.run({ a: floats(1, 2), b: floats(1, 2), c: floats(1, 2) })).toEqual({ y: floats(2, 6) });
    await runtime.releaseSessions();
    expect(runtime.memory().sessions).toBe(0);
  });

  test("a key that names two models is refused", async () => {
    await runtime.session(multiplyAdd(2, "same"));
    await expect(runtime.session({ ...decayUpdate(2), key: "same" })).rejects.toThrow(
      /Two artifacts have the key same, training and optimizer/,
    );
    await expect(runtime.session(multiplyAdd(3, "same"))).rejects.toThrow(
      /Two artifacts have the key same, .* which differ in a float32\[3\]/,
    );
  });

  test("bytes that are no model are refused, and the next try is a new one", async () => {
    const artifact = multiplyAdd(2);
    const broken = { ...artifact, bytes: () => artifact.bytes().slice(0, 20) };
    await expect(runtime.session(broken)).rejects.toThrow(/No session .* training artifact multiplyAdd 2: .*protobuf/);
    const session = await runtime.session(artifact);
    expect(await session.run({ a: floats(1, 2), b: floats(1, 2), c: floats(1, 2) })).toEqual({ y: floats(2, 6) });
  });

  test("a failed run throws RunError, discards the session and leaves tensors and other sessions alone", async () => {
    const artifact = gatherRows(2, 1);
    const session = await runtime.session(artifact);
    const table = runtime.tensor("table", "int32", [2, 2], Int32Array.of(1, 2, 3, 4));
    const index = (row: number): HostTensor => ({ dtype: "int32", shape: [1], data: Int32Array.of(row) });
    const picked = runtime.tensor("picked", "int32", [1, 2], Int32Array.of(7, 7));
    const failure = await session.run({ table, index: index(5) }, { picked }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(RunError);
    expect(failure).toMatchObject({ name: "RunError", kind: "eval", key: artifact.key });
    expect(String(failure)).toMatch(/The eval artifact gatherRows 2 1 failed: .*indices element out of data bounds/);
    expect(runtime.memory()).toMatchObject({ tensors: 2, sessions: 0 });
    expect(await picked.read()).toEqual(Int32Array.of(7, 7));
    await expect(session.run({ table, index: index(1) })).rejects.toThrow(RuntimeError);
    const again = await runtime.session(artifact);
    expect(again).not.toBe(session);
    const result = await again.run({ table, index: index(1) });
    expect(result.picked?.data).toEqual(Int32Array.of(3, 4));
  });
});

describe("tensors and their account", () => {
  test("what is alive is counted to the byte, and the peak is kept", () => {
    const before = runtime.memory();
    expect(before).toEqual({ tensors: 0, bytes: 0, peakBytes: 0, sessions: 0, sessionBytes: 0 });
    const a = runtime.tensor("a", "float32", [3, 5]);
    const b = runtime.tensor("b", "bool", [3]);
    expect(runtime.memory()).toEqual({ tensors: 2, bytes: 63, peakBytes: 63, sessions: 0, sessionBytes: 0 });
    a.dispose();
    runtime.tensor("c", "float16", [2]).dispose();
    expect(runtime.memory()).toEqual({ tensors: 1, bytes: 3, peakBytes: 63, sessions: 0, sessionBytes: 0 });
    b.dispose();
    expect(runtime.memory()).toEqual({ tensors: 0, bytes: 0, peakBytes: 63, sessions: 0, sessionBytes: 0 });
  });

  test("two hundred runs leave it as it was", async () => {
    const session = await runtime.session(decayUpdate(8));
    const [p, g] = [runtime.tensor("p", "float32", [8]), runtime.tensor("g", "float32", [8])];
    const before = runtime.memory();
    for (let i = 0; i < 200; i++) await session.run({ p, g, rate: floats(1) }, { "p.out": p });
    expect(runtime.memory()).toEqual(before);
  });

  test("use after dispose, a second dispose and use by another runtime are refused, by label", async () => {
    const session = await runtime.session(multiplyAdd(1));
    const dead = runtime.tensor("weights.0", "float32", [1]);
    dead.dispose();
    expect(() => dead.dispose()).toThrow("Tensor weights.0 has been disposed of");
    expect(() => dead.write(new Float32Array(1))).toThrow(/weights\.0/);
    await expect(dead.read()).rejects.toThrow(/weights\.0/);
    await expect(session.run({ a: dead, b: floats(1), c: floats(1) })).rejects.toThrow(/weights\.0/);
    await expect(session.run({ a: floats(1), b: floats(1), c: floats(1) }, { y: dead })).rejects.toThrow(/weights\.0/);
    const other = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
    const foreign = other.tensor("foreign", "float32", [1]);
    await expect(session.run({ a: foreign, b: floats(1), c: floats(1) })).rejects.toThrow(/foreign belongs to another/);
    await other.dispose();
  });

  test("a tensor that a run uses is neither written nor disposed of until it ends", async () => {
    const session = await runtime.session(multiplyAdd(1));
    const a = runtime.tensor("a", "float32", [1]);
    const run = session.run({ a, b: floats(1), c: floats(1) });
    expect(() => a.write(new Float32Array(1))).toThrow("Tensor a cannot be written while a run or read uses it");
    expect(() => a.dispose()).toThrow("Tensor a cannot be disposed of while");
    await run;
    a.write(new Float32Array(1));
    const failing = session.run({ a, b: floats(1, 2), c: floats(1) });
    await expect(failing).rejects.toThrow(RuntimeError);
    a.dispose();
  });

  test("data of another length or type, bfloat16 and more than the device allows are refused", () => {
    expect(() => runtime.tensor("a", "float32", [2], new Float32Array(3))).toThrow(
      /Tensor a is float32\[2\] .* of 3\.$/,
    );
    expect(() => runtime.tensor("a", "float32", [2]).write(new Int32Array(2))).toThrow(/given Int32Array of 2/);
    expect(() => runtime.tensor("a", "bfloat16", [2])).toThrow(/convert it to float32 or float16/);
    expect(() => runtime.tensor("logits", "float32", [2 ** 16, 2 ** 16])).toThrow(
      /Tensor logits, float32\[65536, 65536\], takes 17179869184 bytes, but this device allows 4294967296 .* lower/,
    );
    expect(runtime.memory().tensors).toBe(1);
  });
});

test("after dispose nothing is left and every call is refused; a new runtime works", async () => {
  const session = await runtime.session(multiplyAdd(1));
  const tensor = runtime.tensor("a", "float32", [1]);
  const pending = session.run({ a: tensor, b: floats(1), c: floats(1) }).catch((error: unknown) => error);
  await runtime.dispose();
  await runtime.dispose();
  expect(await pending).toBeInstanceOf(RuntimeError);
  expect(runtime.memory()).toMatchObject({ tensors: 0, bytes: 0, sessions: 0 });
  await expect(runtime.session(multiplyAdd(1))).rejects.toThrow(/disposed of; create a new one/);
  expect(() => runtime.tensor("b", "float32", [1])).toThrow(/disposed of/);
  await expect(tensor.read()).rejects.toThrow(/disposed of/);
  const next = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  const again = await next.session(multiplyAdd(1));
  expect(await again.run({ a: floats(2), b: floats(3), c: floats(4) })).toEqual({ y: floats(10) });
  await next.dispose();
});
