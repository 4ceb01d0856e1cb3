/** A data worker without readers or tokenizers, for tests of the page: rows, tokens and findings are made up from row numbers. */

import type { DataApi, DataEvent, PreviewExample, PreviewRow, RowHead } from "../../src/protocol/datasets.ts";
import type { DataReport, Finding, RowSet } from "../../src/quality/report.ts";
import type { Role } from "../../src/records/example.ts";
import type { Mapping } from "../../src/records/formats/mapping.ts";
import type { SourceSummary } from "../../src/records/source.ts";
import type { DataSpec } from "../../src/run/dataSpec.ts";

export interface FakeDataSettings {
  /** Milliseconds of a call. */
  readonly pace: number;
  readonly sources?: readonly SourceSummary[];
  /** Methods that reject, each with its error. */
  readonly failing?: Partial<Record<keyof DataApi, Error>>;
  /** Whether the check of stop tokens fails. */
  readonly noStop?: boolean;
}

const alpaca: Mapping = {
  format: "alpaca",
  columns: { instruction: "instruction", input: "input", response: "output" },
};

export const fakeSource: SourceSummary = {
  name: "alpaca_en_demo.json",
  hash: "c0ffee00112233445566778899aabbccddeeff00112233445566778899aabbcc",
  kind: "json",
  gzip: false,
  rows: 300,
  byteLength: 412_300,
  detection: {
    mapping: alpaca,
    reason: '298 of 300 rows have "instruction" and "output"',
    alternatives: [{ format: "text", columns: { text: "output" } }],
    columns: [
      { name: "instruction", sample: "Name three primary colours." },
      { name: "input", sample: "" },
      { name: "output", sample: "Red, blue and yellow." },
    ],
  },
  problems: [
    { line: 17, message: 'Not JSON: unexpected "}" at column 48. Remove the comma before it.' },
    { line: 212, message: "The output is empty: a row without a response teaches nothing." },
  ],
  unreadable: 2,
  stored: true,
};

export const fakeChats: SourceSummary = {
  ...fakeSource,
  name: "support_chats.jsonl.gz",
  hash: "deadbeef112233445566778899aabbccddeeff00112233445566778899aabbcc",
  kind: "jsonl",
  gzip: true,
  rows: 120,
  byteLength: 98_700,
  detection: {
    mapping: { format: "openai", columns: { messages: "messages" } },
    reason: '120 of 120 rows have "messages" with role and content',
    alternatives: [],
    columns: [{ name: "messages", sample: '[{"role":"user","content":"Hello' }],
  },
  problems: [],
  unreadable: 0,
};

export const fakeText: SourceSummary = {
  ...fakeChats,
  name: "handbook.txt",
  hash: "7e47112233445566778899aabbccddeeff00112233445566778899aabbccddee",
  kind: "text",
  gzip: false,
  rows: 40,
  detection: {
    mapping: { format: "text", columns: {} },
    reason: "plain text, cut at empty lines",
    alternatives: [],
    columns: [],
  },
};

const questions = [
  "Name three primary colours.",
  "Write a haiku about rain.",
  "What is the capital of France?",
  "Explain why the sky is blue\nin two  sentences.",
  "Turn this list into a table:\n\tapples\n\tpears",
];
const answers = [
  "Red, blue and yellow.",
  "Soft rain on the roof,\na cat asleep by the door –\nthe night takes its time.",
  "Paris.",
  "Short waves of light scatter more in air.\nBlue is short, so it comes from everywhere.",
  "| fruit |\n| --- |\n| apples |\n| pears |",
];

/** Row 3 of every 40 is too long, row 7 has no answer, row 11 repeats row 10. */
const isLong = (row: number) => row % 40 === 3;
const isEmpty = (row: number) => row % 40 === 7;
const isRepeat = (row: number) => row % 40 === 11;

function messagesOf(source: SourceSummary, row: number): { role: Role; content: string }[] {
  const at = isRepeat(row) ? row - 1 : row;
  const question = `${questions[at % questions.length] ?? ""} (${at})`;
  const answer = isEmpty(row) ? "" : isLong(row) ? `${answers[3]} `.repeat(60) : (answers[at % answers.length] ?? "");
  const pair = [
    { role: "user" as const, content: question },
    { role: "assistant" as const, content: answer },
  ];
  if (source.kind !== "jsonl") return pair;
  return [
    { role: "system", content: "You are a helpful assistant." },
    ...pair,
    { role: "user", content: "Thank you!" },
    { role: "assistant", content: "You are welcome." },
  ];
}

/** Words with the space before them, marks, line breaks. */
const token = /<\|\w+\|>|\n| ?[\p{L}\p{N}]+|[^\S\n]+|[^\p{L}\p{N}\s]/gu;

function idOf(text: string): number {
  let hash = 0;
  for (const character of text) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 8192;
  return hash;
}

function render(
  messages: readonly { role: Role | null; content: string }[],
  spec: Pick<DataSpec, "settings">,
): PreviewExample {
  const { mask, maxLength, truncation, template } = spec.settings;
  const mark = template.kind === "built-in" && template.name === "chatml" ? "im_end" : "end";
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const learns = (role: Role | null, index: number) =>
    mask === "everything" || role === null || (role === "assistant" && (mask === "responses" || index === last));
  let text = "";
  const spans: PreviewExample["spans"][number][] = [];
  const add = (piece: string, kind: "control" | "content", message: number, supervised: boolean) => {
    if (piece === "") return;
    const role = messages[message]?.role ?? null;
    spans.push({ start: text.length, end: text.length + piece.length, role, message, kind, supervised });
    text += piece;
  };
  for (const [index, { role, content }] of messages.entries()) {
    const learnt = learns(role, index);
    if (role !== null) add(`<|${role}|>`, "control", index, mask === "everything");
    add(content, "content", index, learnt);
    if (role !== null) add(`<|${mark}|>`, "control", index, learnt);
    if (role !== null) add("\n", "control", index, false);
  }
  const found = [...text.matchAll(token)];
  const tokens = found.map(({ 0: piece, index }, place) => {
    const span = spans.find(({ start, end }) => start <= index && index < end);
    const straddles = span !== undefined && index + piece.length > span.end;
    return {
      id: idOf(piece),
      text: piece,
      start: index,
      end: index + piece.length,
      weight: span?.supervised && !straddles && place > 0 ? 1 : 0,
      straddles,
      cut:
        truncation === "left" ? found.length - place > maxLength : truncation === "right" ? place >= maxLength : false,
    };
  });
  const supervised = tokens.reduce((sum, { weight }) => sum + (weight > 0 ? 1 : 0), 0);
  const dropped = truncation === "drop" && tokens.length > maxLength;
  return {
    messages: messages.map(({ role, content }, index) => ({ role, content, weight: learns(role, index) ? 1 : 0 })),
    text,
    spans,
    tokens,
    proof: "structure",
    supervised,
    lost: tokens.reduce((sum, { weight, cut }) => sum + (cut && weight > 0 ? 1 : 0), 0),
    problem: dropped
      ? `${tokens.length} tokens, ${maxLength} fit. Raise the longest row, or cut it.`
      : supervised === 0
        ? "Nothing of it would be learnt."
        : null,
  };
}

/** As if each stage had one source. */
function byKind(isText: boolean, examples: number): DataReport["sources"][number]["byKind"] {
  const none = { training: 0, realisedShare: 0, passes: 0 };
  const all = { training: examples, realisedShare: 1, passes: 1 };
  return isText ? { text: all, chat: none } : { text: none, chat: all };
}

const wait = (milliseconds: number, signal?: AbortSignal) =>
  new Promise<void>((resolve, reject) => {
    const timer = setTimeout(resolve, milliseconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });

export function createFakeData(emit: (event: DataEvent) => void, settings: FakeDataSettings): DataApi {
  const sources = new Map((settings.sources ?? []).map((source) => [source.hash, source]));
  let told: string | null = null;

  const summaryOf = (spec: DataSpec, index: number): SourceSummary => {
    if (spec.modelHash !== told) throw new Error("The data worker does not know this model. Select it again.");
    const source = sources.get(spec.sources[index]?.hash ?? "");
    if (!source) throw new Error("This browser no longer keeps the rows. Open the file again.");
    return source;
  };

  const preview = (spec: DataSpec, index: number, row: number): PreviewRow => {
    const source = summaryOf(spec, index);
    const { template } = spec.settings;
    if (template.kind === "custom") {
      const fault = faultOf(template.source);
      if (fault) throw Object.assign(new Error(fault.message), { name: "TemplateError" });
    }
    const mapping = spec.sources[index]?.mapping ?? source.detection.mapping;
    const plain = messagesOf(source, row);
    const problem =
      isEmpty(row) && mapping.format !== "text" ? "output is empty: a row without a response teaches nothing" : null;
    const messages = mapping.format === "text" ? [{ role: null, content: plain[1]?.content ?? "" }] : plain;
    const threads = source.kind === "jsonl" && row % 10 === 4 ? [messages, messages.slice(0, 3)] : [messages];
    return {
      source: index,
      row,
      line: row * 5 + 2,
      raw: JSON.stringify({ instruction: plain[0]?.content, input: "", output: plain[1]?.content }, null, 2),
      examples: problem ? [] : threads.map((thread) => render(thread, spec)),
      problem,
    };
  };

  const head = (spec: DataSpec, index: number, row: number): RowHead => {
    const { examples, problem } = preview(spec, index, row);
    const excluded = spec.sources[index]?.excluded.includes(row) ?? false;
    const [example] = examples;
    const reason = problem ?? example?.problem ?? null;
    return {
      row,
      text:
        messagesOf(summaryOf(spec, index), row)
          .find(({ role }) => role === "user")
          ?.content.replaceAll("\n", " ") ?? "",
      tokens: example?.tokens.length ?? 0,
      supervised: example?.supervised ?? 0,
      lost: example?.lost ?? 0,
      state: excluded ? "excluded" : reason ? "left out" : "used",
      problem: reason,
    };
  };

  const api: DataApi = {
    async tellModel(model) {
      await wait(settings.pace);
      told = model.modelHash;
      return { template: { kind: "built-in", name: "hone" } };
    },
    async open(files, signal) {
      const opened: SourceSummary[] = [];
      const failures: { name: string; message: string }[] = [];
      for (const file of files) {
        for (let done = 1; done <= 4; done++) {
          emit({ type: "dataProgress", task: `Reading ${file.name}`, done, total: 4 });
          await wait(settings.pace, signal);
        }
        if (file.size === 0) {
          failures.push({ name: file.name, message: `${file.name} is empty. Choose one with at least one row.` });
          continue;
        }
        const known = [fakeSource, fakeChats].find(({ name }) => name === file.name);
        const source = known ?? { ...fakeSource, name: file.name, hash: `hash-of-${file.name}`, byteLength: file.size };
        sources.set(source.hash, source);
        opened.push(source);
      }
      return { sources: opened, failures };
    },
    async paste(name, text, signal) {
      await wait(settings.pace, signal);
      if (text.trim() === "{") throw new Error(`${name} is broken JSON: unexpected end at line 1. Paste whole rows.`);
      const rows = text.trim().split("\n").length;
      const source: SourceSummary = {
        ...fakeSource,
        name,
        hash: `hash-of-${text}`,
        kind: "jsonl",
        rows,
        byteLength: text.length,
        problems: [],
        unreadable: 0,
      };
      sources.set(source.hash, source);
      return source;
    },
    list: async () => [...sources.values()].filter(({ stored }) => stored),
    delete: async (hash) => void sources.delete(hash),
    async exam(files, signal) {
      await wait(settings.pace, signal);
      const name = files.map((file) => file.name).join(" and ");
      const rows = (await Promise.all(files.map((file) => file.text())))
        .flatMap((text) => text.split("\n").filter((line) => line.trim() !== ""))
        .map((line): Record<string, string> => JSON.parse(line));
      const questions = rows.flatMap(({ instruction: prompt, output: expected, group = null, task = null }) =>
        prompt && expected ? [{ prompt, expected, group, task }] : [],
      );
      if (questions.length === 0) throw new Error(`${name} has no question with an answer.`);
      const texts = rows.flatMap(({ text }) => (text ? [text] : []));
      return { name, hash: `exam of ${JSON.stringify(rows)}`, questions, texts, problems: [] };
    },
    async heads(spec, source, from, to, signal) {
      await wait(settings.pace, signal);
      const end = Math.min(to, summaryOf(spec, source).rows);
      return Array.from({ length: Math.max(0, end - from) }, (_, index) => head(spec, source, from + index));
    },
    async row(spec, source, row, _view, signal) {
      await wait(settings.pace, signal);
      return preview(spec, source, row);
    },
    async inspect(spec, signal) {
      const rows = spec.sources.reduce((sum, _, index) => sum + summaryOf(spec, index).rows, 0);
      for (let done = 0; done < 5; done++) {
        emit({ type: "dataProgress", task: "Checking all rows", done: Math.round((done / 5) * rows), total: rows });
        await wait(settings.pace, signal);
      }
      return inspected(spec);
    },
    prepare: () => Promise.reject(new Error("The page does not prepare; the engine does.")),
    async tryTemplate(modelHash, trial) {
      await wait(settings.pace);
      if (modelHash !== told) throw new Error("The data worker does not know this model. Select it again.");
      const fault = trial.template.kind === "custom" ? faultOf(trial.template.source) : null;
      if (fault) return { ok: false, ...fault };
      const messages = messagesOf(fakeChats, 0);
      return { ok: true, example: render(messages, { settings: trial }), stop: "<|end|>" };
    },
    questions: async () => [],
  };

  const inspected = (spec: DataSpec): DataReport => {
    const all = spec.sources.map((choice, source) => {
      const summary = summaryOf(spec, source);
      // The first rows stand for all: a report on 100,000 is not what a fake is for.
      const heads = Array.from({ length: Math.min(summary.rows, 2000) }, (_, row) => head(spec, source, row));
      return { choice, summary, heads, used: heads.filter(({ state }) => state === "used") };
    });
    const where = (test: (head: RowHead) => boolean): RowSet => {
      const hits = all.flatMap(({ used }, source) => used.filter(test).map(({ row }) => ({ source, row })));
      return { sources: hits.map(({ source }) => source), rows: hits.map(({ row }) => row) };
    };
    const sum = (of: (head: RowHead) => number) =>
      all.reduce((total, { used }) => total + used.reduce((part, item) => part + of(item), 0), 0);
    const leftOut = all.flatMap(({ heads }, source) =>
      heads
        .filter(({ state }) => state === "left out")
        .map(({ row, problem }) => ({ source, row, line: row * 5 + 2, message: problem ?? "" })),
    );
    const repeats = where(({ row }) => isRepeat(row));
    const cut = where(({ lost }) => lost > 0);
    const mails = where(({ row }) => row % 90 === 5);
    const findings: Finding[] = [
      {
        kind: "exact-duplicate" as const,
        severity: "warning" as const,
        title: `${repeats.rows.length} rows repeat another row word for word`,
        detail: "They count twice in every pass. Excluding them keeps the first of each.",
        rows: repeats,
        examples: repeats.rows.slice(0, 5).map((row) => `row ${row + 1} = row ${row}`),
        excludable: true,
      },
      {
        kind: "truncated" as const,
        severity: "warning" as const,
        title: `${cut.rows.length} rows lose learnt tokens to the length limit`,
        detail: "Their answers end in the middle. Raise the longest row, or exclude them.",
        rows: cut,
        examples: [],
        excludable: true,
      },
      {
        kind: "personal-data" as const,
        severity: "hint" as const,
        title: `${mails.rows.length} rows hold what looks like a mail address`,
        detail: "A model may repeat what it has learnt. Look at them before you share it.",
        rows: mails,
        examples: mails.rows.slice(0, 3).map((row) => `row ${row + 1}: anna@…`),
        excludable: true,
      },
    ].filter(({ rows }) => rows.rows.length > 0);
    const tokens = sum((item) => item.tokens);
    const supervised = sum((item) => item.supervised);
    const lengths = all.flatMap(({ used }) => used.map((item) => item.tokens)).sort((a, b) => a - b);
    const longest = lengths.at(-1) ?? 0;
    const edges = Array.from({ length: 17 }, (_, index) => Math.round(((longest + 1) * index) / 16));
    const weights = all.reduce((total, { choice }) => total + choice.lambda, 0);
    return {
      examples: lengths.length,
      leftOut,
      leftOutCount: leftOut.length,
      tokens,
      supervisedTokens: supervised,
      truncation: {
        rows: cut.rows.length,
        kept: supervised - sum((item) => item.lost),
        lost: sum((item) => item.lost),
      },
      lengths: {
        edges,
        counts: edges
          .slice(1)
          .map((edge, index) => lengths.filter((length) => length >= (edges[index] ?? 0) && length < edge).length),
        longest,
        median: lengths[lengths.length >> 1] ?? 0,
      },
      sources: all.map(({ choice, summary, used }) => ({
        name: summary.name,
        records: summary.rows,
        examples: used.length,
        excluded: choice.excluded.length,
        tokens: used.reduce((total, item) => total + item.tokens, 0),
        supervisedTokens: used.reduce((total, item) => total + item.supervised, 0),
        lambda: choice.lambda,
        realisedShare: choice.lambda / weights,
        passes: spec.mixture === "weight" ? 1 : (choice.lambda / weights) * (lengths.length / Math.max(1, used.length)),
        byKind: byKind((choice.mapping ?? summary.detection.mapping).format === "text", used.length),
      })),
      findings,
      checks: [
        {
          kind: "stop",
          passed: !settings.noStop,
          title: settings.noStop ? "No answer ends in a learnt stop token" : "Every answer ends in a learnt <|end|>",
          detail: settings.noStop
            ? "The model would never learn to stop. Choose a template whose end mark lies in the answer."
            : "So the model learns to stop.",
          rows: settings.noStop ? where(({ row }) => row < 20) : { sources: [], rows: [] },
        },
        {
          kind: "bos",
          passed: true,
          title: "Every example begins with exactly one BOS",
          detail: "",
          rows: { sources: [], rows: [] },
        },
        {
          kind: "supervised",
          passed: true,
          title: "Every example has something to learn",
          detail: "",
          rows: { sources: [], rows: [] },
        },
        {
          kind: "spans",
          passed: true,
          title: "What is learnt is known from the template's structure",
          detail: "",
          rows: { sources: [], rows: [] },
        },
      ],
      seconds: 0.4,
    };
  };

  for (const [method, error] of Object.entries(settings.failing ?? {}))
    Object.assign(api, { [method]: () => Promise.reject(error) });
  return api;
}

/** A fake of a parser: a tag that opens and does not close on its line is a fault there. */
function faultOf(source: string) {
  for (const [index, line] of source.split("\n").entries()) {
    const column = line.lastIndexOf("{{");
    if (column >= 0 && !line.includes("}}", column))
      return {
        message: "The expression that opens here is not closed: }} is missing.",
        place: { line: index + 1, column: column + 1 },
      };
  }
  return null;
}
