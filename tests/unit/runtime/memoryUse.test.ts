/** What a device holds. Oracle: counted by hand, on a device and a module that do nothing but be counted. */

import { afterEach, expect, test } from "vitest";
import { countBuffers, countHeap } from "../../../src/runtime/memoryUse.ts";

const place = Symbol.for("hone.onnxruntime");
const before: unknown = Reflect.get(globalThis, place);
afterEach(() => {
  Reflect.set(globalThis, place, before);
});

/** Only what is called. */
function fakeDevice() {
  const destroyed: number[] = [];
  const device = {
    createBuffer: ({ size }: { size: number }) => ({ size, destroy: () => void destroyed.push(size) }),
  } as unknown as GPUDevice;
  return { device, destroyed, make: (size: number) => device.createBuffer({ size, usage: 0 }) };
}

test("buffers count from when they are made until they are destroyed, once each", () => {
  const { device, destroyed, make } = fakeDevice();
  const meter = countBuffers(device);
  const [first, second] = [make(100), make(20)];
  first.destroy();
  first.destroy();
  expect(meter.read()).toEqual({ bytes: 20, peakBytes: 120 });
  expect(destroyed).toEqual([100, 100]);
  meter.restart();
  expect(meter.read()).toEqual({ bytes: 20, peakBytes: 20 });
  second.destroy();
  expect(meter.read()).toEqual({ bytes: 0, peakBytes: 20 });
});

test("of a heap counts what is filled, to its last word; it grows under the count and never shrinks", () => {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 4 });
  const module = {
    HEAPU8: new Uint8Array(memory.buffer),
    getValue: () => {
      module.HEAPU8 = new Uint8Array(memory.buffer);
      return 0;
    },
  };
  Reflect.set(globalThis, place, module);
  const meter = countHeap();
  module.HEAPU8[1000] = 1;
  expect(meter.read()).toEqual({ bytes: 1004, peakBytes: 1004 });
  memory.grow(2);
  new Uint8Array(memory.buffer)[100_001] = 7;
  expect(meter.read()).toEqual({ bytes: 100_004, peakBytes: 100_004 });
  new Uint8Array(memory.buffer).fill(0);
  expect(meter.read()).toEqual({ bytes: 100_004, peakBytes: 100_004 });
});

test("where the module is not to be had, nothing is told", () => {
  Reflect.set(globalThis, place, undefined);
  expect(countHeap().read()).toBeNull();
});
