/**
 * The entries of WebGPU under Node, for development: onnxruntime-web's build for WebGPU on Dawn, Chromium's own WebGPU, from
 * the npm package `webgpu`. It needs a Vulkan driver, and is no dependency of Hone: `HONE_WEBGPU` may name the package's folder.
 */

import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { setFlagsFromString } from "node:v8";
import { messageOf } from "./errors.ts";
import { nodeEntries } from "./nodeEntries.ts";
import type { OrtEntries } from "./provider.ts";

/** What the package exports. */
interface Dawn {
  create(options: readonly string[]): GPU;
  /** WebGPU's classes and constants, such as `GPUBufferUsage`. */
  readonly globals: Readonly<Record<string, unknown>>;
}

const packageName: string = "webgpu";
const { resolve } = createRequire(import.meta.url);
const fileOf = (name: string) => pathToFileURL(resolve(`onnxruntime-web/ort-wasm-simd-threaded.asyncify.${name}`)).href;

/** The package's folder: of an ordinary installation, else `HONE_WEBGPU`; null where it has none. */
export function dawnFolder(folder = process.env.HONE_WEBGPU): string | null {
  try {
    return dirname(resolve(packageName));
  } catch {
    return folder && existsSync(join(folder, "index.js")) ? folder : null;
  }
}

/** Imports the package; a sentence when that fails. */
async function importDawn(): Promise<Dawn | string> {
  const folder = dawnFolder();
  if (folder === null) {
    return (
      "WebGPU under Node needs the npm package webgpu. Install it into a folder of its own and set " +
      "HONE_WEBGPU=FOLDER/node_modules/webgpu."
    );
  }
  try {
    return await import(/* @vite-ignore */ pathToFileURL(join(folder, "index.js")).href);
  } catch (error) {
    return `The package webgpu in ${folder} does not load: ${messageOf(error)}`;
  }
}

/**
 * A copy of the bytes that a write takes from memory which threads share; null for any other memory. As in WebGPU, `start` and
 * `size` count the elements of a typed array, and bytes of anything else.
 */
export function copyOfShared(
  data: ArrayBufferLike | ArrayBufferView,
  start = 0,
  size?: number,
): Uint8Array<ArrayBuffer> | null {
  const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
  if (!(view.buffer instanceof SharedArrayBuffer)) return null;
  const unit = "BYTES_PER_ELEMENT" in view ? Number(view.BYTES_PER_ELEMENT) : 1;
  const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
  return new Uint8Array(bytes.subarray(start * unit, size === undefined ? undefined : (start + size) * unit));
}

/** Dawn's binding refuses to write from shared memory, but ONNX Runtime's heap is shared memory. */
function copySharedWrites(): void {
  const { writeBuffer } = GPUQueue.prototype;
  GPUQueue.prototype.writeBuffer = function (...given) {
    const [buffer, offset, data, start, size] = given;
    const copy = copyOfShared(data, start, size);
    return copy ? writeBuffer.call(this, buffer, offset, copy) : Reflect.apply(writeBuffer, this, given);
  };
}

/** The process's one GPU; Dawn cannot start twice in a process. */
let started: Promise<OrtEntries | string> | null = null;
/** Node's event loop is empty while the GPU works, and an empty loop waits for V8's optimisation of ONNX Runtime: a minute or more. */
let awake: NodeJS.Timeout | null = null;

/**
 * Entries whose `webgpu` runs under Node, and sets `navigator.gpu`; or the sentence why there are none: no package, or no
 * Vulkan driver. Call `stopDawn` at the end, because Node does not exit while there is a GPU.
 */
export function dawnEntries(): Promise<OrtEntries | string> {
  started ??= start();
  return started;
}

async function start(): Promise<OrtEntries | string> {
  const dawn = await importDawn();
  if (typeof dawn === "string") return dawn;
  const gpu = dawn.create(["backend=vulkan"]);
  const adapter = await gpu.requestAdapter({ powerPreference: "high-performance" }).catch(messageOf);
  if (adapter === null || typeof adapter === "string") {
    return (
      `WebGPU under Node found no Vulkan driver${adapter ? ` (${adapter})` : ""}. Install the GPU's driver, or Mesa 25 ` +
      "with VK_ICD_FILENAMES=/usr/share/vulkan/icd.d/lvp_icd.json."
    );
  }
  awake = setInterval(() => {}, 60_000);
  // Where the processor is the GPU, it must not optimise functions of 27 MB at the same time.
  if (adapter.info.isFallbackAdapter) {
    for (const flag of ["--no-wasm-tier-up", "--no-wasm-dynamic-tiering"]) setFlagsFromString(flag);
  }
  Object.assign(globalThis, dawn.globals);
  copySharedWrites();
  // Node has a navigator of its own from version 21 on.
  globalThis.navigator ??= {
    hardwareConcurrency: availableParallelism(),
    userAgent: `Node.js/${process.versions.node}`,
  } as Navigator;
  Object.defineProperty(globalThis.navigator, "gpu", { value: gpu, configurable: true });
  return {
    wasm: nodeEntries.wasm,
    webgpu: {
      load: () => import("onnxruntime-web/webgpu"),
      files: { mjs: fileOf("mjs"), wasm: fileOf("wasm") },
      capture: null,
    },
  };
}

/** Lets the process exit; every runtime must be disposed of before. */
export function stopDawn(): void {
  if (awake === null) return;
  clearInterval(awake);
  Reflect.deleteProperty(globalThis.navigator, "gpu");
}

/**
 * Ends a process that has sent its results. An ordinary exit waits until V8 has optimised the functions of ONNX Runtime that
 * it began, which takes up to a minute.
 */
export function endNow(): void {
  process.kill(process.pid, "SIGKILL");
}
