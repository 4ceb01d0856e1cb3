/** Writes a model of a real shape with random weights as a folder in Hugging Face layout. */

import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { tensorsOfConfig } from "../../src/artifacts/method.ts";
import { layoutSafetensors } from "../../src/hub/safetensors.ts";
import { float32ToBfloat16 } from "../../src/tensor/convert.ts";
import { sizeOf } from "../../src/tensor/dtype.ts";
import { createRandom, type Random } from "../../src/tensor/random.ts";
import { makeTokenizer } from "./tokenizer.ts";

/** Standard deviation of the weights, as transformers' `initializer_range` has it. */
const deviation = 0.02;
/** Elements that are written at once. */
const piece = 2 ** 22;

export interface FolderOptions {
  readonly config: Readonly<Record<string, unknown>>;
  readonly seed: number;
  /** A folder with the files of a real tokenizer; null makes one of `vocab_size` entries. */
  readonly tokenizer: string | null;
}

/** Bit patterns of bfloat16: 2^16 normal numbers. Tensors draw from this table, because a logarithm per weight takes minutes. */
function normalTable(random: Random): Uint16Array {
  return float32ToBfloat16(Float32Array.from({ length: 2 ** 16 }, () => deviation * random.normal()));
}

/**
 * Writes `config.json`, tokenizer and `model.safetensors` (bfloat16, drawn from `seed`; vectors are 1, biases 0), the weights
 * piece by piece. The same options give the same bytes. Does nothing where the folder is complete.
 */
export function writeFolder(folder: string, { config, seed, tokenizer }: FolderOptions): void {
  const weights = join(folder, "model.safetensors");
  if (existsSync(weights)) return;
  mkdirSync(folder, { recursive: true });
  writeTokenizer(folder, Number(config.vocab_size), tokenizer);
  writeFileSync(join(folder, "config.json"), `${JSON.stringify({ ...config, torch_dtype: "bfloat16" }, null, 2)}\n`);

  const heads = tensorsOfConfig(config, { untied: false }).map(({ name, shape }) => ({
    ...{ name, shape, dtype: "BF16" as const },
  }));
  const { head, ordered } = layoutSafetensors(heads, { format: "pt" });
  const random = createRandom(seed);
  const table = normalTable(random);
  const ones = float32ToBfloat16(Float32Array.of(1))[0] ?? 0;
  const unfinished = `${weights}.part`;
  const file = openSync(unfinished, "w");
  try {
    writeSync(file, head);
    for (const { name, shape } of ordered) {
      const size = sizeOf(shape);
      for (let start = 0; start < size; start += piece) {
        const values = new Uint16Array(Math.min(piece, size - start));
        if (shape.length === 1) values.fill(name.endsWith(".bias") ? 0 : ones);
        else for (let i = 0; i < values.length; i++) values[i] = table[random.below(table.length)] ?? 0;
        writeSync(file, values);
      }
    }
  } finally {
    closeSync(file);
  }
  renameSync(unfinished, weights);
}

function writeTokenizer(folder: string, vocabulary: number, from: string | null): void {
  const names = ["tokenizer.json", "tokenizer_config.json"] as const;
  if (from !== null) {
    for (const name of names) copyFileSync(join(from, name), join(folder, name));
    return;
  }
  const { json, config } = makeTokenizer(vocabulary);
  const texts = [JSON.stringify(json), JSON.stringify(config, null, 2)];
  for (const [i, name] of names.entries()) writeFileSync(join(folder, name), `${texts[i]}\n`);
}
