/**
 * Measures speed and memory of the quality report: 100,000 invented examples of 300 tokens through the inspector alone.
 * `node --expose-gc --import tsx bench/quality.ts [rows]`
 */

import { truncate } from "../src/batching/truncate.ts";
import { createInspector } from "../src/quality/inspect.ts";
import type { Tokenized } from "../src/quality/tokenize.ts";
import type { ChatExample } from "../src/records/example.ts";
import { createRandom } from "../src/tensor/random.ts";

const rows = Number(process.argv[2] ?? 100_000);
const promptTokens = 100;
const answerTokens = 200;
const [bos, user, assistant, end] = [0, 1, 2, 3] as const;

const random = createRandom(1);
const vocabulary = Array.from({ length: 8000 }, () =>
  Array.from({ length: 2 + random.below(8) }, () => String.fromCharCode(97 + random.below(26))).join(""),
);
/** Words of one token each, as text and as ids; every tenth word ends a sentence. */
function words(count: number): { text: string; ids: number[] } {
  const picked = Array.from({ length: count }, () => random.below(vocabulary.length));
  const text = picked.map((word, i) => `${vocabulary[word]}${i % 10 === 9 ? "." : ""}`).join(" ");
  return { text, ids: picked.map((word) => word + 4) };
}

/** One row in fifty repeats the row before it; another one in fifty nearly repeats it. */
function* examples(): Generator<{ example: ChatExample; tokenized: Tokenized }> {
  let previous = { prompt: words(promptTokens - 5), answer: words(answerTokens) };
  for (let row = 0; row < rows; row++) {
    const kind = row % 50;
    if (kind > 1) previous = { prompt: words(promptTokens - 5), answer: words(answerTokens) };
    const { prompt, answer } = previous;
    const said = kind === 1 ? `${answer.text} again` : answer.text;
    const ids = Int32Array.from([bos, user, ...prompt.ids, end, assistant, ...answer.ids, end]);
    const first = prompt.ids.length + 4;
    yield {
      example: {
        kind: "chat",
        row,
        line: row + 1,
        messages: [
          { role: "user", content: prompt.text },
          { role: "assistant", content: said },
        ],
      },
      tokenized: {
        segments: [],
        proof: "structure",
        dropped: [],
        encoding: {
          ids,
          mask: new Uint8Array(ids.length).fill(1, first),
          weights: new Float32Array(ids.length).fill(1, first),
          text: "",
          segmentEnds: [],
          starts: new Int32Array(ids.length),
          ends: new Int32Array(ids.length),
          straddled: 0,
          unknown: 0,
        },
        sequences: [],
        lost: 0,
        problem: null,
      },
    };
  }
}

/** Heap bytes after a short pause, because freed buffers are collected in the background. */
async function memory(): Promise<number> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
/** Seconds of processor time, which other programs affect less than wall-clock time. */
const cpu = () => process.cpuUsage().user / 1e6;
const cut = { maxLength: 512, mode: "drop", bosId: bos } as const;

const inspector = createInspector({
  sources: [{ name: "made-up", records: rows, lambda: 1 }],
  mixture: "sampling",
  maxLength: 512,
  tokenizer: { bos: { id: bos, text: "<s>" }, addBos: true, size: 8004, addedToken: () => undefined },
  template: { name: "Hone", opensWithBos: true, repeatsBos: false, stopIds: [end] },
});

const atFirst = cpu();
let tokens = 0;
for (const { tokenized } of examples()) tokens += truncate(tokenized.encoding, cut).ids.length;
const making = cpu() - atFirst;
const before = await memory();

const atStart = cpu();
for (const { example, tokenized } of examples()) {
  inspector.add(example, tokenized, truncate(tokenized.encoding, cut), 0);
}
const seeing = cpu() - atStart - making;
const retained = (await memory()) - before;

const atEnd = cpu();
const report = inspector.finish({ isHeldOut: (sequence) => sequence % 10 === 7 });
const finishing = cpu() - atEnd;

console.log(`${rows} rows of ${tokens / rows} tokens, node ${process.version}; processor time`);
console.log(`see: ${seeing.toFixed(2)} s, ${Math.round(rows / seeing)} rows/s`);
console.log(`finish: ${finishing.toFixed(2)} s; ${Math.round(rows / (seeing + finishing))} rows/s in all`);
console.log(
  `retained while streaming: ${(retained / 1e6).toFixed(1)} MB, ${Math.round(retained / rows)} bytes per row`,
);
console.log(report.findings.map(({ title }) => title).join("\n"));
console.log(report.checks.map(({ kind, passed }) => `${kind} ${passed ? "passed" : "failed"}`).join(", "));
