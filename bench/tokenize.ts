/**
 * Measures `encode`: tokens per second for each family of tokenizers, and the ratio to the library's own `encode` of the same
 * text in the same process. Run: npx tsx bench/tokenize.ts
 *
 * Rounds of both alternate, so that a busy machine slows both; the result is the median round. The library returns ids only,
 * without offsets and weights. Text and the real tokenizer come from ../shared, if that folder exists.
 */

import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Tokenizer as Library } from "@huggingface/tokenizers";
import type { WeightedSegment } from "../src/tokenizer/segment.ts";
import { createTokenizer } from "../src/tokenizer/tokenizer.ts";
import {
  byteLevelTokenizer,
  gpt2Words,
  llama3Words,
  metaspaceWords,
  sentencePieceTokenizer,
  unigramTokenizer,
} from "../tests/support/tokenizers.ts";

const rounds = 7;
/** Enough rows that most words repeat, few enough that a round takes seconds. */
const rowCount = 200;

const shared = (path: string) => fileURLToPath(new URL(`../../shared/${path}`, import.meta.url));
const readJson = (path: string): unknown => JSON.parse(readFileSync(shared(path), "utf8"));

interface Row {
  readonly question: string;
  readonly answer: string;
}

/** Questions and answers; without a file, invented ones with words of different frequency. */
function readRows(): Row[] {
  const path = "data/alpaca_en_demo.json";
  if (existsSync(shared(path))) {
    const rows = readJson(path);
    if (!Array.isArray(rows)) throw new Error(`${path} is not a list of rows.`);
    return rows.slice(0, rowCount).map(({ instruction, input, output }) => ({
      question: `${instruction}\n${input}`,
      answer: `${output}`,
    }));
  }
  console.log(`Invented text, because ../shared/${path} is missing.`);
  let state = 1;
  const random = () => {
    state = (state * 48271) % 2147483647;
    return state / 2147483647;
  };
  const word = () => Math.floor(20_000 * random() ** 3).toString(26);
  const sentence = (length: number) => `${Array.from({ length }, word).join(" ")}.`;
  return Array.from({ length: rowCount }, () => ({ question: sentence(20), answer: sentence(150) }));
}

const rows = readRows();
const chats = rows.map(({ question, answer }): WeightedSegment[] => [
  { text: "<s>", kind: "control", role: null, message: null, answer: false, supervised: false, weight: 0 },
  { text: "<|user|>", kind: "control", role: "user", message: 0, answer: false, supervised: false, weight: 0 },
  { text: question, kind: "content", role: "user", message: 0, answer: false, supervised: false, weight: 0 },
  {
    text: "<|end|>\n<|assistant|>",
    kind: "control",
    role: "assistant",
    message: 1,
    answer: false,
    supervised: false,
    weight: 0,
  },
  { text: answer, kind: "content", role: "assistant", message: 1, answer: true, supervised: true, weight: 1 },
  { text: "<|end|></s>", kind: "control", role: "assistant", message: 1, answer: true, supervised: true, weight: 1 },
]);

const median = (list: readonly number[]) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? Number.NaN;

/** Tokens per second of both, without the first round of each, which fills the caches. */
function measure(name: string, json: object, config: object): void {
  const tokenizer = createTokenizer(json, config);
  const library = new Library(json, config);
  const ways = {
    hone: () => chats.reduce((sum, segments) => sum + tokenizer.encode(segments).ids.length, 0),
    library: () =>
      chats.reduce((sum, segments) => sum + library.encode(segments.map(({ text }) => text).join("")).ids.length, 0),
  };
  const speeds = { hone: [] as number[], library: [] as number[] };
  for (let round = 0; round <= rounds; round++) {
    for (const way of ["hone", "library"] as const) {
      const before = performance.now();
      const tokens = ways[way]();
      const speed = tokens / ((performance.now() - before) / 1000);
      if (round > 0) speeds[way].push(speed);
    }
  }
  const [hone, own] = [median(speeds.hone), median(speeds.library)];
  const minutes = (100_000 * 300) / hone / 60;
  console.log(
    `${name.padEnd(28)} ${Math.round(hone).toLocaleString("en").padStart(12)} tokens/s   ${(hone / own).toFixed(1).padStart(6)} × the library   100,000 rows × 300 tokens: ${minutes.toFixed(2)} min`,
  );
}

const model = "models/stories260K";
if (existsSync(shared(model))) {
  const [json, config] = [readJson(`${model}/tokenizer.json`), readJson(`${model}/tokenizer_config.json`)];
  if (typeof json !== "object" || !json || typeof config !== "object" || !config)
    throw new Error(`${model} is not an object.`);
  measure("stories260K (Llama 2)", json, config);
} else console.log(`Skipped the tokenizer of stories260K, because ../shared/${model} is missing.`);

const markers = { added: ["<|user|>", "<|assistant|>", "<|end|>"] };
for (const [name, { json, config }] of [
  ["byte level, GPT-2's words", byteLevelTokenizer(markers, gpt2Words)],
  ["byte level, Llama 3's words", byteLevelTokenizer(markers, llama3Words)],
  ["SentencePiece, across words", sentencePieceTokenizer({ ...markers, crossing: true })],
  ["Unigram, Metaspace", unigramTokenizer(markers, metaspaceWords)],
] as const) {
  measure(name, json, config);
}
