/** The runtime in a real Chromium. Oracles: wasm for WebGPU, the tiny graphs' formulas, and the account. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { DeviceLostError, RunError, RuntimeError } from "../../src/runtime/errors.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import type { HostTensor, Runtime } from "../../src/runtime/types.ts";
import { capturedHeap } from "../../src/runtime/wasmHeap.ts";
import { threadsFor } from "../../src/runtime/wasmProvider.ts";
import {
  accumulate,
  decayUpdate,
  directUpdate,
  gatherRows,
  multiplyAdd,
  remainder,
} from "../unit/runtime/tinyArtifacts.ts";
import { writeInParts } from "../unit/runtime/writeParts.ts";

const entries = browserEntries;

const floats = (...values: number[]): HostTensor => ({
  dtype: "float32",
  shape: [values.length],
  data: Float32Array.from(values),
});

/** Runs the body with a runtime and disposes of it. */
async function using<T>(provider: "webgpu" | "wasm", body: (runtime: Runtime) => Promise<T>): Promise<T> {
  const runtime = await createRuntime(provider, { entries });
  try {
    return await body(runtime);
  } finally {
    await runtime.dispose();
  }
}

/** The devices that the runtime has requested, newest last, so that a test can lose one. */
const devices: GPUDevice[] = [];
const requestDevice = GPUAdapter.prototype.requestDevice;

/** Threads of ONNX Runtime that this page has started. */
let threadsStarted = 0;
const OwnWorker = globalThis.Worker;
beforeAll(() => {
  globalThis.Worker = class extends OwnWorker {
    constructor(address: string | URL, options?: WorkerOptions) {
      super(address, options);
      if (options?.name === "em-pthread") threadsStarted++;
    }
  };
});
afterAll(() => {
  globalThis.Worker = OwnWorker;
});

beforeEach(() => {
  GPUAdapter.prototype.requestDevice = async function (descriptor) {
    const device = await requestDevice.call(this, descriptor);
    devices.push(device);
    return device;
  };
});
afterEach(() => {
  GPUAdapter.prototype.requestDevice = requestDevice;
});

function newestDevice(): GPUDevice {
  const device = devices.at(-1);
  if (!device) throw new Error("no device has been requested");
  return device;
}

describe("the provider", () => {
  test("webgpu: its own device, with the adapter's limits", () =>
    using("webgpu", async ({ report }) => {
      const adapter = await navigator.gpu.requestAdapter();
      expect(report).toMatchObject({ provider: "webgpu", crossOriginIsolated: true });
      expect(report.reason).toMatch(
        adapter?.info.isFallbackAdapter
          ? /^WebGPU was chosen, but the processor emulates it here \(.+\), .*\.$/
          : /^This browser offers WebGPU \(.+\), so Hone runs on the GPU\.$/,
      );
      expect(report.adapter?.maxBufferSize).toBe(adapter?.limits.maxBufferSize);
      expect(report.adapter?.maxStorageBufferBindingSize).toBe(adapter?.limits.maxStorageBufferBindingSize);
      expect(newestDevice().limits.maxComputeWorkgroupStorageSize).toBe(adapter?.limits.maxComputeWorkgroupStorageSize);
    }));

  test("auto leaves an adapter that the processor emulates aside, and says so", async () => {
    const adapter = await navigator.gpu.requestAdapter();
    const runtime = await createRuntime("auto", { entries });
    expect(runtime.report.provider).toBe(adapter?.info.isFallbackAdapter ? "wasm" : "webgpu");
    if (adapter?.info.isFallbackAdapter) expect(runtime.report.reason).toMatch(/only emulated on the processor/);
    await runtime.dispose();
  });

  test("wasm starts its threads on an isolated page", async () => {
    const threads = threadsFor(navigator.hardwareConcurrency);
    await using("wasm", async (runtime) => {
      expect(runtime.report).toMatchObject({ provider: "wasm", threads, crossOriginIsolated: true });
    });
    // Once for all runtimes of the page, whichever came first.
    expect(threadsStarted).toBe(threads - 1);
    expect(capturedHeap()).not.toBeNull();
  });

  test.each(["wasm", "webgpu"] as const)("%s runs in a dedicated module worker", async (provider) => {
    const worker = new Worker(new URL("./runtime.worker.ts", import.meta.url), { type: "module" });
    const answer = await new Promise<unknown>((resolve, reject) => {
      worker.onmessage = ({ data }) => resolve(data);
      worker.onerror = reject;
      worker.postMessage(provider);
    });
    worker.terminate();
    expect(answer).toMatchObject({ report: { provider }, y: Float32Array.of(10, 17) });
  });
});

test.each(["wasm", "webgpu"] as const)("%s writes parts of tensors where they belong", (provider) =>
  using(provider, async (runtime) => {
    for (const { got, wanted } of await writeInParts(runtime)) expect(got).toEqual(wanted);
  }),
);

test("webgpu and wasm agree: elementwise, in place, accumulated with reset, gathered", async () => {
  const results = async (runtime: Runtime) => {
    const seen: Record<string, unknown> = {};
    const session = await runtime.session(multiplyAdd(3));
    const a = runtime.tensor("a", "float32", [3], Float32Array.of(1, -2, 3));
    seen.host = (await session.run({ a, b: floats(4, 5, 6), c: floats(1, 1, 1) })).y?.data;
    const y = runtime.tensor("y", "float32", [3]);
    expect(await session.run({ a, b: a, c: floats(0.5, 0, 1) }, { y })).toEqual({});
    seen.device = await y.read();

    const update = await runtime.session(decayUpdate(3));
    for (let step = 1; step <= 5; step++) {
      seen[`total ${step}`] = (await update.run({ p: a, g: y, rate: floats(step / 8) }, { "p.out": a })).total?.data;
    }
    seen.updated = await a.read();

    const adding = await runtime.session(accumulate(3));
    const acc = runtime.tensor("acc", "float32", [3], new Float32Array(3).fill(Number.NaN));
    const reset = runtime.tensor("reset", "bool", [1], Uint8Array.of(1));
    await adding.run({ acc, g: y, reset }, { "acc.out": acc });
    seen.reset = await acc.read();
    const keep: HostTensor = { dtype: "bool", shape: [1], data: Uint8Array.of(0) };
    await adding.run({ acc, g: y, reset: keep }, { "acc.out": acc });
    seen.accumulated = await acc.read();
    reset.write(Uint8Array.of(0));
    await adding.run({ acc, g: y, reset }, { "acc.out": acc });
    seen.again = await acc.read();

    const gather = await runtime.session(gatherRows(3, 2));
    const table = runtime.tensor("table", "int32", [3, 2], Int32Array.of(1, 2, 3, 4, 5, 6));
    const index = { dtype: "int32", shape: [2], data: Int32Array.of(2, 0) } as const;
    seen.gathered = (await gather.run({ table, index })).picked?.data;
    return seen;
  };
  const [gpu, cpu] = [await using("webgpu", results), await using("wasm", results)];
  expect(cpu.host).toEqual(Float32Array.of(5, -9, 19));
  expect(cpu.accumulated).toEqual(Float32Array.of(3, 8, 20));
  expect(cpu.gathered).toEqual(Int32Array.of(5, 6, 1, 2));
  expect(Object.keys(gpu)).toEqual(Object.keys(cpu));
  for (const [name, values] of Object.entries(cpu)) {
    const other = gpu[name];
    if (!(values instanceof Float32Array) || !(other instanceof Float32Array)) expect(other, name).toEqual(values);
    else values.forEach((value, i) => void expect(other[i], `${name}[${i}]`).toBeCloseTo(value, 5));
  }
});

describe("webgpu", () => {
  test("two hundred runs, reads and writes leave the account and the bytes of the device as they were", () =>
    using("webgpu", async (runtime) => {
      const session = await runtime.session(decayUpdate(64));
      const [p, g] = [runtime.tensor("p", "float32", [64]), runtime.tensor("g", "float32", [64])];
      let [created, destroyed] = [0, 0];
      const device = newestDevice();
      const createBuffer = device.createBuffer.bind(device);
      device.createBuffer = (descriptor) => {
        created++;
        const buffer = createBuffer(descriptor);
        const destroy = buffer.destroy.bind(buffer);
        buffer.destroy = () => {
          destroyed++;
          destroy();
        };
        return buffer;
      };
      const once = async () => {
        g.write(new Float32Array(64).fill(1));
        await session.run({ p, g, rate: floats(1) }, { "p.out": p });
        await p.read();
      };
      for (let i = 0; i < 20; i++) await once();
      const before = { account: runtime.memory(), alive: created - destroyed };
      for (let i = 0; i < 200; i++) await once();
      expect({ account: runtime.memory(), alive: created - destroyed }).toEqual(before);
      expect(created).toBeGreaterThanOrEqual(220);
    }));

  test("an artifact with a node that only the CPU has is refused, unless placement is left free", async () => {
    const artifact = remainder();
    await using("webgpu", async (runtime) => {
      await expect(runtime.session(artifact)).rejects.toThrow(/training artifact remainder: .*fallback to CPU EP/);
      expect(runtime.memory().sessions).toBe(0);
    });
    const free = await createRuntime("webgpu", { entries, strictPlacement: false });
    const session = await free.session(artifact);
    const int32 = (...values: number[]): HostTensor => ({
      dtype: "int32",
      shape: [values.length],
      data: Int32Array.from(values),
    });
    expect(await session.run({ x: int32(3, 4, 5, 6), by: int32(3) })).toEqual({ y: int32(0, 1, 2, 0) });
    await free.dispose();
  });

  test("a run that WebGPU refuses throws RunError, writes nothing, and its session is built anew", () =>
    using("webgpu", async (runtime) => {
      const artifact = directUpdate(3);
      const session = await runtime.session(artifact);
      const p = runtime.tensor("p", "float32", [3], Float32Array.of(1, 2, 3));
      const failure = await session.run({ p, g: floats(1, 1, 1) }, { "p.out": p }).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(RunError);
      expect(String(failure)).toMatch(/The optimizer artifact directUpdate 3 failed: .*WebGPU validation failed/);
      expect(await p.read()).toEqual(Float32Array.of(1, 2, 3));
      await expect(session.run({ p, g: floats(1, 1, 1) })).rejects.toThrow(/has been released; request a new one/);
      const again = await runtime.session(artifact);
      expect(await again.run({ p, g: floats(1, 1, 1) })).toEqual({ "p.out": floats(0, 1, 2) });
    }));

  test("what the GPU reports between runs fails the next run, once, and a read likewise", () =>
    using("webgpu", async (runtime) => {
      const feeds = { a: floats(1), b: floats(1), c: floats(1) };
      const y = runtime.tensor("y", "float32", [1]);
      const wrong = () =>
        newestDevice().createBuffer({ size: 4, usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.STORAGE });
      const session = await runtime.session(multiplyAdd(1));
      wrong();
      await expect(session.run(feeds, { y })).rejects.toThrow(RunError);
      const again = await runtime.session(multiplyAdd(1));
      expect(await again.run(feeds)).toEqual({ y: floats(2) });
      wrong();
      await expect(y.read()).rejects.toThrow(/Tensor y could not be read: .*[Bb]uffer ?[Uu]sage/);
      await y.read();
    }));

  test("a tensor larger than the device's limit names itself, both sizes and the way out", () =>
    using("webgpu", async (runtime) => {
      const limit = newestDevice().limits.maxBufferSize;
      const over = limit / 4 + 1;
      expect(() => runtime.tensor("logits", "float32", [over])).toThrow(
        `Tensor logits, float32[${over}], takes ${over * 4} bytes, but this device allows ${limit} per tensor; lower`,
      );
      expect(runtime.memory().tensors).toBe(0);
    }));

  test("a lost device rejects what is under way and what comes, and a new runtime works", async () => {
    const runtime = await createRuntime("webgpu", { entries });
    const session = await runtime.session(multiplyAdd(1));
    const x = runtime.tensor("x", "float32", [1], Float32Array.of(3));
    const feeds = { a: x, b: x, c: floats(1) };
    const underWay = Promise.allSettled([
      session.run(feeds),
      session.run(feeds),
      x.read(),
      runtime.session(decayUpdate(2)),
    ]);
    newestDevice().destroy();
    expect((await runtime.lost).reason).toBe("destroyed");
    for (const outcome of await underWay) {
      expect(outcome).toMatchObject({ status: "rejected", reason: { name: "DeviceLostError" } });
    }
    await expect(session.run(feeds)).rejects.toThrow(DeviceLostError);
    await expect(runtime.session(multiplyAdd(1))).rejects.toThrow(/^The GPU was lost \(.+\)\. Try again/);
    await expect(x.read()).rejects.toThrow(DeviceLostError);
    expect(() => x.write(Float32Array.of(1))).toThrow(DeviceLostError);
    expect(() => runtime.tensor("y", "float32", [1])).toThrow(DeviceLostError);
    await runtime.dispose();
    expect(runtime.memory()).toMatchObject({ tensors: 0, bytes: 0, sessions: 0 });
    await using("webgpu", async (next) => {
      const again = await next.session(multiplyAdd(1));
      expect(await again.run({ a: floats(2), b: floats(3), c: floats(4) })).toEqual({ y: floats(10) });
    });
  });

  test("dispose is not a loss, and refuses what comes after", async () => {
    const runtime = await createRuntime("webgpu", { entries });
    let lost = false;
    void runtime.lost.then(() => {
      lost = true;
    });
    const device = newestDevice();
    await runtime.session(multiplyAdd(1));
    await runtime.dispose();
    await device.lost;
    await new Promise((resolve) => setTimeout(resolve));
    expect(lost).toBe(false);
    await expect(runtime.session(multiplyAdd(1))).rejects.toThrow(RuntimeError);
  });
});
