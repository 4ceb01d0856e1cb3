/** Inspects a stream of examples without storing their texts, then reports counts, findings and hard checks. */

import type { MixtureMode } from "../batching/mixture.ts";
import { mixtureReport } from "../batching/mixture.ts";
import type { Truncated } from "../batching/truncate.ts";
import type { ChatExample, Example, TextExample, TrainableKind } from "../records/example.ts";
import type { Template } from "../templates/template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createAnswers } from "./answers.ts";
import { bytes, ints } from "./columns.ts";
import { findingKinds, mostExamples, rowFinding, templateFinding } from "./findings.ts";
import {
  findControlCharacter,
  findPersonalData,
  findSpecialToken,
  findTemplateMarker,
  isInvisible,
} from "./patterns.ts";
import { createPreflight } from "./preflight.ts";
import { createRepeats, type Pair } from "./repeats.ts";
import type { DataReport, Finding, FindingKind, RowSet } from "./report.ts";
import type { Tokenized } from "./tokenize.ts";

export interface InspectorOptions {
  /** The chosen sources, in order. `records`: number of rows in the file, with the unreadable ones. */
  readonly sources: readonly { readonly name: string; readonly records: number; readonly lambda: number }[];
  readonly mixture: MixtureMode;
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly tokenizer: Pick<Tokenizer, "bos" | "addBos" | "size" | "addedToken">;
  readonly template: Pick<Template, "name" | "opensWithBos" | "repeatsBos" | "stopIds">;
  /** The model's own template, to compare with the chosen one; null or absent if it has none. */
  readonly chatTemplate?: string | null;
}

export interface LeftOutRow {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  readonly message: string;
  readonly kind: "unreadable" | "unusable" | "too-long" | "preference";
}

export interface Inspector {
  /**
   * Adds one sequence of an example; the windows of a plain text follow each other. The order of the calls numbers the
   * sequences from 0, for `isHeldOut`.
   */
  add(example: ChatExample | TextExample, tokenized: Tokenized, sequence: Truncated, source: number): void;
  /** Adds a row, or one of its examples, that is left out of training. */
  leaveOut(row: LeftOutRow): void;
  /** Adds a row that the user excluded. */
  exclude(source: number, row: number): void;
  /** Call it once. `isHeldOut`: whether a sequence is in the validation split, equal for all sequences of one example. */
  finish(split: { readonly isHeldOut: (sequence: number) => boolean }): DataReport;
}

/** Most left-out rows that the report lists. */
const mostLeftOut = 2000;

/** The inspector stores about 190 bytes per example, for any length. */
export function createInspector(options: InspectorOptions): Inspector {
  const { sources, tokenizer, template } = options;
  const began = performance.now();
  const preflight = createPreflight(options);
  const repeats = createRepeats();
  const answers = createAnswers();

  // One entry per sequence.
  const lengths = ints();
  const supervised = ints();
  const sequenceSources = ints();
  const plainTexts = bytes();
  // One entry per example; a long plain text is one example of several sequences.
  const firstSequences = ints();
  const rows = ints();
  let previous: Example | null = null;

  const found = new Map<
    FindingKind,
    { readonly sources: number[]; readonly rows: number[]; readonly words: string[] }
  >();
  const leftOut: Omit<LeftOutRow, "kind">[] = [];
  let leftOutCount = 0;
  const excluded = sources.map(() => 0);
  const truncation = { rows: 0, remaining: 0, lost: 0 };
  let straddled = 0;
  let chosenFamily: string | null = null;

  const rowName = (source: number, row: number) =>
    sources.length > 1 ? `${sources[source]?.name ?? "?"}, row ${row + 1}` : `row ${row + 1}`;
  /** Adds a row to a finding; the first rows are also described in words. */
  const note = (kind: FindingKind, source: number, row: number, words: () => string) => {
    const entry = found.get(kind) ?? { sources: [], rows: [], words: [] };
    found.set(kind, entry);
    entry.sources.push(source);
    entry.rows.push(row);
    if (entry.words.length < mostExamples) entry.words.push(`${rowName(source, row)}${words()}`);
  };

  const readTexts = (example: ChatExample | TextExample, source: number) => {
    const { row } = example;
    const texts = example.kind === "text" ? [example.text] : example.messages.map(({ content }) => content);
    const noteFirst = (kind: FindingKind, find: (text: string) => string | null) => {
      for (const text of texts) {
        const what = find(text);
        if (what !== null) return note(kind, source, row, () => `: ${what}`);
      }
    };
    noteFirst("control-characters", findControlCharacter);
    noteFirst("personal-data", findPersonalData);
    noteFirst("special-token-text", (text) => findSpecialToken(text, tokenizer.addedToken));
    noteFirst("template-language", (text) => {
      const mark = findTemplateMarker(text);
      return mark && `${mark.marker} (${mark.family})`;
    });
    if (example.kind === "text") return;
    const { messages } = example;
    const last = messages.findLastIndex(({ role }) => role === "assistant");
    const empty = messages.findIndex(
      ({ role, content, toolCalls }) => role === "assistant" && !toolCalls?.length && isInvisible(content),
    );
    if (empty !== -1) note("empty-answer", source, row, () => `: message ${empty + 1} has no visible text`);
    const answer = messages[last];
    if (answer && !answer.toolCalls?.length && !isInvisible(answer.content))
      answers.add(rows.length - 1, answer.content);
  };

  const readTokens = (
    example: ChatExample | TextExample,
    tokenized: Tokenized,
    sequence: Truncated,
    source: number,
  ) => {
    const { row } = example;
    const { encoding, segments } = tokenized;
    if (encoding.straddled > 0) {
      straddled += encoding.straddled;
      note("straddled", source, row, () => `: ${encoding.straddled}`);
    }
    if (encoding.unknown > 0) note("unknown-text", source, row, () => `: ${encoding.unknown} unknown tokens`);
    if (example.kind === "text") return;
    if (sequence.indices.length < encoding.ids.length) {
      const { supervised: remaining, supervisedLost } = sequence;
      truncation.rows++;
      truncation.remaining += remaining;
      truncation.lost += supervisedLost;
      const cut = `${encoding.ids.length} tokens; ${supervisedLost} supervised tokens lost, ${remaining} left`;
      note("truncated", source, row, () => `: ${cut}`);
    }
    chosenFamily ??= familyOf(segments.map(({ kind, text }) => (kind === "control" ? text : "")).join("\n"));
  };

  return {
    add(example, tokenized, sequence, source) {
      preflight.add(example, tokenized, sequence, source);
      lengths.push(sequence.ids.length);
      supervised.push(sequence.supervised);
      sequenceSources.push(source);
      plainTexts.push(example.kind === "text" ? 1 : 0);
      if (example === previous) return;
      previous = example;
      firstSequences.push(lengths.length - 1);
      rows.push(example.row);
      repeats.add(example);
      readTexts(example, source);
      readTokens(example, tokenized, sequence, source);
    },

    leaveOut({ kind, ...row }) {
      note(kind, row.source, row.row, () => (kind === "preference" ? "" : ` (line ${row.line}): ${row.message}`));
      if (kind === "preference") return;
      leftOutCount++;
      if (leftOut.length < mostLeftOut) leftOut.push(row);
    },

    exclude(source) {
      excluded[source] = (excluded[source] ?? 0) + 1;
    },

    finish({ isHeldOut }) {
      const sourceOf = (example: number) => sequenceSources.at(firstSequences.at(example));
      const nameOf = (example: number) => rowName(sourceOf(example), rows.at(example));
      const noteExample = (kind: FindingKind, example: number, words: () => string) =>
        note(kind, sourceOf(example), rows.at(example), words);
      const isExampleHeldOut = (example: number) => isHeldOut(firstSequences.at(example));
      const side = (example: number) => (isExampleHeldOut(example) ? "validation" : "training");
      const alike = ({ earlier, likeness }: Pair, where = "") =>
        likeness === 1
          ? ` = ${nameOf(earlier)}${where}`
          : ` ≈ ${nameOf(earlier)}${where}, about ${Math.round(100 * likeness)} % alike`;

      const { exact, near, contradictions, leakage } = repeats.find({
        isHeldOut: isExampleHeldOut,
        isSameRecord: (a, b) => rows.at(a) === rows.at(b) && sourceOf(a) === sourceOf(b),
      });
      for (const pair of exact) noteExample("exact-duplicate", pair.later, () => alike(pair));
      for (const pair of near) noteExample("near-duplicate", pair.later, () => alike(pair));
      for (const { later, earlier } of contradictions) {
        noteExample("contradiction", later, () => ` has the prompt of ${nameOf(earlier)}, and another answer`);
      }
      for (const pair of leakage) {
        noteExample("leakage", pair.later, () => ` (${side(pair.later)})${alike(pair, ` (${side(pair.earlier)})`)}`);
      }
      const { medianWords, answers: short } = answers.short();
      for (const { example, text } of short) noteExample("short-answer", example, () => `: ${JSON.stringify(text)}`);

      const facts = {
        maxLength: options.maxLength,
        lost: truncation.lost,
        straddled,
        medianAnswer: medianWords,
        template: template.name,
      };
      const findings: Finding[] = findingKinds.flatMap((kind) => {
        const entry = found.get(kind);
        const finding = entry && rowFinding(kind, ascending(entry.sources, entry.rows), entry.words, facts);
        return finding ? [finding] : [];
      });
      const ownFamily = familyOf(options.chatTemplate ?? "");
      if (chosenFamily !== null && ownFamily !== null && chosenFamily !== ownFamily) {
        findings.push(templateFinding(chosenFamily, ownFamily));
      }
      findings.sort((a, b) => Number(a.severity === "hint") - Number(b.severity === "hint"));

      const trained = () => ({ training: 0, trained: 0 });
      const totals = sources.map(() => ({
        ...{ examples: 0, tokens: 0, supervised: 0, ...trained() },
        ...{ text: trained(), chat: trained() },
      }));
      for (let i = 0; i < lengths.length; i++) {
        const total = totals[sequenceSources.at(i)];
        if (!total) continue;
        total.examples++;
        total.tokens += lengths.at(i);
        total.supervised += supervised.at(i);
        if (isHeldOut(i)) continue;
        for (const part of [total, plainTexts.at(i) === 1 ? total.text : total.chat]) {
          part.training++;
          part.trained += supervised.at(i);
        }
      }
      const checks = preflight.checks(totals);
      const mixable = checks.some(({ kind, passed }) => kind === "mixture" && passed);
      const mix = (parts: readonly { readonly training: number; readonly trained: number }[]) =>
        mixable
          ? mixtureReport({
              counts: parts.map(({ training }) => training),
              supervised: parts.map(({ trained }) => trained),
              lambdas: sources.map(({ lambda }) => lambda),
              mode: options.mixture,
            })
          : [];
      const mixed = mix(totals);
      const stages = { text: mix(totals.map(({ text }) => text)), chat: mix(totals.map(({ chat }) => chat)) };
      const ofKind = (kind: TrainableKind, k: number) => ({
        training: totals[k]?.[kind].training ?? 0,
        realisedShare: stages[kind][k]?.share ?? 0,
        passes: stages[kind][k]?.passes ?? 0,
      });
      const sum = (of: (total: (typeof totals)[number]) => number) => totals.reduce((all, total) => all + of(total), 0);
      return {
        examples: lengths.length,
        leftOut,
        leftOutCount,
        tokens: sum(({ tokens }) => tokens),
        supervisedTokens: sum((total) => total.supervised),
        truncation,
        lengths: histogram(lengths.all()),
        sources: sources.map(({ name, records, lambda }, k) => ({
          name,
          records,
          examples: totals[k]?.examples ?? 0,
          excluded: excluded[k] ?? 0,
          tokens: totals[k]?.tokens ?? 0,
          supervisedTokens: totals[k]?.supervised ?? 0,
          lambda,
          realisedShare: mixed[k]?.share ?? 0,
          passes: mixed[k]?.passes ?? 0,
          byKind: { text: ofKind("text", k), chat: ofKind("chat", k) },
        })),
        findings,
        checks,
        seconds: (performance.now() - began) / 1000,
      };
    },
  };
}

const familyOf = (template: string) => findTemplateMarker(template)?.family ?? null;

/** The distinct rows, ordered by source and row. */
function ascending(sources: readonly number[], rows: readonly number[]): RowSet {
  const order = sources
    .map((source, i) => ({ source, row: rows[i] ?? 0 }))
    .sort((a, b) => a.source - b.source || a.row - b.row)
    .filter((at, i, all) => i === 0 || at.row !== all[i - 1]?.row || at.source !== all[i - 1]?.source);
  return { sources: order.map(({ source }) => source), rows: order.map(({ row }) => row) };
}

/** At most 25 bins of a round width (1, 2 or 5 times a power of ten), from 0 past the longest. */
export function histogram(lengths: Int32Array): DataReport["lengths"] {
  const sorted = lengths.slice().sort();
  const longest = sorted.at(-1) ?? 0;
  let width = 1;
  for (let k = 0; longest / width >= 25; k++) width = ([1, 2, 5][k % 3] ?? 1) * 10 ** Math.floor(k / 3);
  const counts = new Array<number>(Math.floor(longest / width) + 1).fill(0);
  for (const length of sorted) counts[Math.floor(length / width)] = (counts[Math.floor(length / width)] ?? 0) + 1;
  const edges = Array.from({ length: counts.length + 1 }, (_, i) => i * width);
  return { edges, counts, longest, median: sorted[sorted.length >> 1] ?? 0 };
}
