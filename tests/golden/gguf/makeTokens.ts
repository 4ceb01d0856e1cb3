/**
 * Makes tokens.json: the ids that llama.cpp gives to texts, from the vocabulary of a small GGUF file in the form of each
 * published tokenizer. A development tool; the tests only read its result.
 *
 *     HONE_LLAMA=FOLDER/node_modules/node-llama-cpp npx tsx tests/golden/gguf/makeTokens.ts
 *     npx biome format --write tests/golden/gguf
 *
 * Made with node-llama-cpp 3.21.1.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { nastyTexts } from "../../../scripts/oracle/nasty.ts";
import type { GgufData } from "../../../src/gguf/types.ts";
import { layoutGguf } from "../../../src/gguf/write.ts";
import { ggufForms } from "../../support/ggufForms.ts";
import { tokenKeys } from "../../support/ggufTokens.ts";

const folder = process.env.HONE_LLAMA;
if (folder === undefined) throw new Error("Set HONE_LLAMA to a folder of node-llama-cpp.");
const { getLlama } = await import(pathToFileURL(join(folder, "dist/index.js")).href);
const llama = await getLlama({ gpu: false, build: "never" });
const place = mkdtempSync(join(tmpdir(), "gguf-"));
const rows = [];
for (const { name, tokens } of ggufForms) {
  const keys = new Map<string, GgufData>([
    ["general.architecture", { type: "string", value: "llama" }],
    ["llama.context_length", { type: "uint32", value: 64 }],
    ["llama.embedding_length", { type: "uint32", value: 32 }],
    ["llama.block_count", { type: "uint32", value: 1 }],
    ["llama.feed_forward_length", { type: "uint32", value: 32 }],
    ["llama.attention.head_count", { type: "uint32", value: 1 }],
    ["llama.attention.layer_norm_rms_epsilon", { type: "float32", value: 1e-5 }],
    ...tokenKeys(tokens),
  ]);
  const path = join(place, `${name}.gguf`);
  writeFileSync(path, layoutGguf(keys, []).head);
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  const added = tokens.tokens.filter((_, id) => [3, 4].includes(tokens.types?.[id] ?? 1));
  const texts = nastyTexts(added).filter((text) => text.length <= 60 && !text.includes("\0"));
  const chosen = texts.filter((_, i) => i % 4 === 0 || i > texts.length - 3 * added.length);
  const plain = chosen.map((text) => [...model.tokenize(text, false)]);
  const control = chosen.map((text) => [...model.tokenize(text, true)]);
  rows.push({ name, texts: chosen, plain, control });
  await model.dispose();
}
rmSync(place, { recursive: true });
writeFileSync(new URL("tokens.json", import.meta.url), JSON.stringify(rows));
