/** Made-up examples, and a tokenizer of whole words, so that tests of the inspector know every id. */

import type { Truncation } from "../../../src/batching/truncate.ts";
import { type Truncated, truncate, windows } from "../../../src/batching/truncate.ts";
import { createInspector, type InspectorOptions } from "../../../src/quality/inspect.ts";
import type { DataReport, FindingKind } from "../../../src/quality/report.ts";
import type { Tokenized } from "../../../src/quality/tokenize.ts";
import type { ChatExample, Example, Message, TextExample } from "../../../src/records/example.ts";
import type { WeightedSegment } from "../../../src/tokenizer/segment.ts";

const specials = ["<s>", "</s>", "<|system|>", "<|user|>", "<|assistant|>", "<|tool|>", "<|end|>"];
const ids = new Map(specials.map((text, id) => [text, id]));

/** The id of a special token or a word; a new word gets the next free id. */
export function idOf(text: string): number {
  const id = ids.get(text) ?? ids.size;
  ids.set(text, id);
  return id;
}

export const tokenizer = {
  bos: { id: idOf("<s>"), text: "<s>" },
  addBos: true,
  size: 1_000_000,
  addedToken: (text: string) => (specials.includes(text) ? idOf(text) : undefined),
};

/** Hone's template: `<s><|user|>…<|end|><|assistant|>…<|end|>`. */
export const template = {
  name: "Hone",
  opensWithBos: true,
  repeatsBos: false,
  stopIds: [idOf("<|end|>"), idOf("</s>")],
};

export const chat = (row: number, ...messages: readonly (Message | string)[]): ChatExample => ({
  kind: "chat",
  row,
  line: row + 1,
  messages: messages.map((message, i) =>
    typeof message === "string" ? { role: i % 2 === 0 ? "user" : "assistant", content: message } : message,
  ),
});
export const plain = (row: number, text: string): TextExample => ({ kind: "text", row, line: row + 1, text });

/** Like `tokenizeExample`, but each token is a word with the white space before it. */
export function tokenised(example: ChatExample | TextExample): Tokenized {
  const segments: WeightedSegment[] = [];
  const add = (text: string, kind: "control" | "content", message: Message | null, answer = false) => {
    const weight = answer || example.kind === "text" ? (message?.weight ?? 1) : 0;
    segments.push({
      text,
      kind,
      role: message?.role ?? null,
      message: null,
      answer,
      supervised: weight !== 0,
      weight,
    });
  };
  add("<s>", "control", null);
  if (example.kind === "text") add(example.text, "content", null);
  else {
    for (const message of example.messages) {
      const answer = message.role === "assistant";
      add(`<|${message.role}|>`, "control", message);
      for (const part of message.parts ?? [{ text: message.content }]) {
        add(part.text, "content", { ...message, weight: part.weight ?? message.weight ?? 1 }, answer);
      }
      add("<|end|>", "control", message, answer);
    }
  }
  const pieces = segments.flatMap(({ kind, text, supervised, weight }) =>
    (kind === "control" ? [text] : (text.match(/\s*\S+|\s+$/g) ?? [])).map((piece) => ({
      text: piece,
      supervised,
      weight,
    })),
  );
  const text = pieces.map((piece) => piece.text).join("");
  const ends: number[] = [];
  for (const piece of pieces) ends.push((ends.at(-1) ?? 0) + piece.text.length);
  return {
    segments,
    proof: "structure",
    dropped: [],
    encoding: {
      ids: Int32Array.from(pieces, ({ text }) => idOf(text)),
      mask: Uint8Array.from(pieces, ({ supervised }, i) => (supervised && i > 0 ? 1 : 0)),
      weights: Float32Array.from(pieces, ({ weight }) => weight),
      text,
      segmentEnds: segments.map((_, i) =>
        segments.slice(0, i + 1).reduce((sum, segment) => sum + segment.text.length, 0),
      ),
      starts: Int32Array.from(pieces, (_, i) => ends[i - 1] ?? 0),
      ends: Int32Array.from(ends),
      straddled: 0,
      unknown: 0,
    },
    sequences: [],
    lost: 0,
    problem: null,
  };
}

export interface Setting extends Partial<InspectorOptions> {
  readonly truncation?: Truncation;
  readonly isHeldOut?: (sequence: number) => boolean;
  /** Changes a tokenized example. */
  readonly change?: (tokenized: Tokenized, example: Example) => Tokenized;
  /** Changes a sequence after truncation. */
  readonly changeSequence?: (sequence: Truncated, example: Example) => Truncated;
  /** Index of each example's source; 0 where absent. */
  readonly sourceOf?: (index: number) => number;
}

/** An inspector with defaults for the options that a test does not set. */
export const inspectorOf = (options: Partial<InspectorOptions> = {}) =>
  createInspector({
    sources: [{ name: "pairs.jsonl", records: 0, lambda: 1 }],
    mixture: "sampling",
    maxLength: 10_000,
    tokenizer,
    template,
    ...options,
  });

/** The report on these examples. */
export function inspect(examples: readonly (ChatExample | TextExample)[], setting: Setting = {}): DataReport {
  const { maxLength = 10_000, truncation = "drop", change = (same) => same, sourceOf = () => 0 } = setting;
  const inspector = inspectorOf(setting);
  examples.forEach((example, index) => {
    const tokenized = change(tokenised(example), example);
    const cut = { maxLength, mode: truncation, bosId: tokenizer.bos.id };
    const sequences = example.kind === "text" ? windows(tokenized.encoding, cut) : [truncate(tokenized.encoding, cut)];
    for (const sequence of sequences) {
      const changed = setting.changeSequence?.(sequence, example) ?? sequence;
      inspector.add(example, tokenized, changed, sourceOf(index));
    }
  });
  return inspector.finish({ isHeldOut: setting.isHeldOut ?? (() => false) });
}

/** The finding of a kind, or undefined. */
export const findingOf = ({ findings }: DataReport, kind: FindingKind) =>
  findings.find((finding) => finding.kind === kind);
/** The rows of a finding; empty if there is none. */
export const rowsOf = (report: DataReport, kind: FindingKind): readonly number[] =>
  findingOf(report, kind)?.rows.rows ?? [];
