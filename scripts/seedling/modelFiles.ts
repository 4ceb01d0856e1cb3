/** A trained model as a folder in Hugging Face layout. */

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { type StoredTensor, writeSafetensors } from "../../src/hub/safetensors.ts";
import { writeWhole } from "./writeWhole.ts";

export interface ModelContents {
  readonly config: object;
  readonly generationConfig: object;
  readonly tokenizerJson: object;
  readonly tokenizerConfig: object;
  readonly tensors: readonly StoredTensor[];
  /** Information on its training; not part of Hugging Face's layout. */
  readonly training: object;
}

const json = (value: object) => `${JSON.stringify(value, null, 2)}\n`;

/** Writes the folder's files atomically; creates the folder if it is missing. */
export function writeModelFiles(folder: string, contents: ModelContents): void {
  mkdirSync(folder, { recursive: true });
  const write = (name: string, value: Uint8Array | string) => writeWhole(join(folder, name), value);
  write("config.json", json(contents.config));
  write("generation_config.json", json(contents.generationConfig));
  // One line, because the page loads this file and nobody reads it.
  write("tokenizer.json", `${JSON.stringify(contents.tokenizerJson)}\n`);
  write("tokenizer_config.json", json(contents.tokenizerConfig));
  write("model.safetensors", writeSafetensors(contents.tensors, { format: "pt" }));
  write("training.json", json(contents.training));
}
