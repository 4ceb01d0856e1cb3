/** Reads a model's tokenizer and template from a folder in Hugging Face layout, without its weights. */

import { readdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { isObject } from "../../src/hub/bytes.ts";
import { chatTemplateOf } from "../../src/hub/chatTemplate.ts";
import { parseJson } from "../../src/hub/json.ts";
import type { TokenizerFiles } from "../../src/protocol/datasets.ts";

/** Reads a file; null if the folder does not have it. */
async function readOptional(folder: string, name: string): Promise<string | null> {
  try {
    return await readFile(join(folder, name), "utf8");
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw error;
  }
}

async function readObject(folder: string, name: string): Promise<Readonly<Record<string, unknown>> | null> {
  const text = await readOptional(folder, name);
  if (text === null) return null;
  const value = parseJson(name, new TextEncoder().encode(text));
  if (!isObject(value)) throw new Error(`${join(folder, name)} is JSON but not an object: check the file.`);
  return value;
}

/** Throws when the folder has no tokenizer.json. */
export async function readTokenizerFiles(folder: string): Promise<TokenizerFiles> {
  const tokenizerJson = await readObject(folder, "tokenizer.json");
  if (tokenizerJson === null) throw new Error(`${folder} has no tokenizer.json: name the folder of a model.`);
  const tokenizerConfig = await readObject(folder, "tokenizer_config.json");
  const config = await readObject(folder, "config.json");
  const context = config?.max_position_embeddings;
  return {
    modelHash: basename(folder),
    tokenizerJson,
    tokenizerConfig,
    chatTemplate: (await readOptional(folder, "chat_template.jinja")) ?? chatTemplateOf(tokenizerConfig),
    contextLength: typeof context === "number" ? context : 2048,
  };
}

/** All files of a model's folder, as a folder picker returns them; the folders in it are left out. */
export function filesOfFolder(folder: string): File[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => new File([readFileSync(join(folder, name))], name));
}
