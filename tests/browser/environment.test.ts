/** What every other browser test stands on: isolation, WebGPU, and the shared files with byte ranges. */

import { expect, test } from "vitest";
import { test as sharedTest } from "../support/shared.ts";

test("the page is cross-origin isolated, so that wasm may use threads", () => {
  expect(crossOriginIsolated).toBe(true);
  expect(new SharedArrayBuffer(8).byteLength).toBe(8);
});

test("there is a WebGPU adapter and it gives a device", async () => {
  const adapter = await navigator.gpu.requestAdapter();
  const device = await adapter?.requestDevice();
  expect(device).toBeDefined();
  device?.destroy();
});

sharedTest("shared files can be fetched, whole and in ranges; one that is absent is a 404", async ({ shared }) => {
  const path = "models/stories260K/model.safetensors";
  const whole = await shared.bytes(path);
  const part = await fetch(shared.at(path), { headers: { Range: "bytes=8-15" } });
  expect(part.status).toBe(206);
  expect(new Uint8Array(await part.arrayBuffer())).toEqual(whole.slice(8, 16));
  expect((await fetch(shared.at("models/none.json"))).status).toBe(404);
});
