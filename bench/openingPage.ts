/** Opening a model in a page that bench/opening.ts drives: files to storage, and storage to the device. */

import { createLibrary, type Library, type LoadedModel } from "../src/engine/library.ts";
import { uploadModel } from "../src/engine/upload.ts";
import { browserEntries } from "../src/runtime/browserEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { openStorage } from "../src/storage/storage.ts";
import type { WeightStorage } from "../src/tensor/storage.ts";
import { specsAs } from "./openingSpecs.ts";

let library: Promise<Library> | null = null;
let model: LoadedModel | null = null;

const opened = () => {
  library ??= openStorage().then((storage) => createLibrary(storage, () => undefined));
  return library;
};

/** Opens the files of the page's input, which copies them; returns the model's hash. */
export async function openFiles(): Promise<string> {
  const input = document.querySelector("input");
  model = await (await opened()).openModel({ kind: "files", files: [...(input?.files ?? [])], name: "model" });
  return model.summary.hash;
}

/** Uploads the copy of an opened model in a storage, and returns the bytes on the device. */
export async function load({ hash, provider, storage }: LoadRequest): Promise<number> {
  const { opened: files } = await (await opened()).model(hash);
  const runtime = await createRuntime(provider, { entries: browserEntries });
  const specs = specsAs(files, storage);
  const tensors = await uploadModel(runtime, { opened: files }, specs, () => undefined, undefined);
  // A read waits until the device has everything.
  await [...tensors.values()].at(-1)?.read();
  return runtime.memory().bytes;
}

export interface LoadRequest {
  readonly hash: string;
  readonly provider: "wasm" | "webgpu";
  readonly storage: WeightStorage;
}
