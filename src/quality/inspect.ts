/** Inspects a stream of examples without storing their texts, then reports counts, findings and hard checks. */

import type { MixtureMode } from "../batching/mixture.ts";
import type { Truncated } from "../batching/truncate.ts";
import type { ChatExample, Example, Message, PreferenceExample, TextExample } from "../records/example.ts";
import type { Template } from "../templates/template.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { createAnswers } from "./answers.ts";
import { findMojibake, replacedIn } from "./characters.ts";
import { bytes, ints } from "./columns.ts";
import { columnsFinding, findingKinds, lengthFinding, mostExamples, rowFinding, templateFinding } from "./findings.ts";
import { histogram } from "./histogram.ts";
import { lossesOf } from "./losses.ts";
import {
  findControlCharacter,
  findPersonalData,
  findSpecialToken,
  findTemplateMarker,
  isInvisible,
} from "./patterns.ts";
import { createPreferences } from "./preferences.ts";
import { createPreflight } from "./preflight.ts";
import { createRepeats, type Pair } from "./repeats.ts";
import type { DataReport, Finding, FindingKind, RowSet } from "./report.ts";
import { addTo, noTotal, type SequenceKind, sequenceKinds, sourceReports } from "./shares.ts";
import type { DataSettings, Tokenized } from "./tokenize.ts";
import type { TokenizedAnswer } from "./tokenizeAnswers.ts";

export interface InspectorOptions {
  /** The chosen sources, in order. `records`: number of rows in the file, with the unreadable ones. */
  readonly sources: readonly {
    readonly name: string;
    readonly records: number;
    readonly lambda: number;
    /** Columns to which the mapping gives no role. */
    readonly unusedColumns?: readonly string[];
    /** Whether it is general text, which is not the task. */
    readonly general?: boolean;
  }[];
  readonly mixture: MixtureMode;
  /** Longest sequence in tokens. */
  readonly maxLength: number;
  readonly tokenizer: Pick<Tokenizer, "bos" | "addBos" | "size" | "addedToken">;
  readonly template: Pick<Template, "name" | "opensWithBos" | "repeatsBos" | "stopIds" | "turnEnds">;
  /** The model's own template, to compare with the chosen one; null or absent if it has none. */
  readonly chatTemplate?: string | null;
  /** The settings that decide what the template writes; absent ones have their defaults. */
  readonly settings?: Partial<Pick<DataSettings, "template" | "turns" | "reasoning">>;
}

export interface LeftOutRow {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  readonly message: string;
  readonly kind: "unreadable" | "unusable" | "too-long" | "preference" | "replacement-character";
}

export interface Inspector {
  /**
   * Adds one sequence of an example; the windows of a plain text follow each other. The order of the calls numbers the
   * sequences from 0, for `isHeldOut`.
   */
  add(example: ChatExample | TextExample, tokenized: Tokenized, sequence: Truncated, source: number): void;
  /** Adds a preference row: a sequence for each of its answers, and one example. */
  addAnswers(example: PreferenceExample, answers: readonly TokenizedAnswer[], source: number): void;
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
  const { sources, tokenizer, settings = {} } = options;
  const { turns = "together" } = settings;
  const began = performance.now();
  const preflight = createPreflight(options);
  const repeats = createRepeats();
  const answers = createAnswers();
  const preferences = createPreferences();

  // One entry per sequence.
  const lengths = ints();
  const supervised = ints();
  const sequenceSources = ints();
  const kinds = bytes();
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
  const unreadFields = new Set<string>();
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

  const readTexts = (example: Example, source: number) => {
    const { row } = example;
    const noteFirst = (kind: FindingKind, find: (text: string) => string | null) => {
      for (const text of textsOf(example)) {
        const what = find(text);
        if (what !== null) return note(kind, source, row, () => `: ${what}`);
      }
    };
    const replaced = replacedIn(example);
    if (replaced !== null) note("replacement-used", source, row, () => `: ${replaced}`);
    noteFirst("mojibake", findMojibake);
    noteFirst("control-characters", findControlCharacter);
    noteFirst("personal-data", findPersonalData);
    noteFirst("special-token-text", (text) => findSpecialToken(text, tokenizer.addedToken));
    noteFirst("template-language", (text) => {
      const mark = findTemplateMarker(text);
      return mark && `${mark.marker} (${mark.family})`;
    });
  };

  const readAnswer = ({ messages, row }: ChatExample, source: number) => {
    const last = messages.findLastIndex(({ role }) => role === "assistant");
    const empty = messages.findIndex(isEmptyAnswer);
    if (empty !== -1) note("empty-answer", source, row, () => `: message ${empty + 1} has no visible text`);
    const answer = messages[last];
    if (answer && !answer.toolCalls?.length && !isInvisible(answer.content))
      answers.add(rows.length - 1, answer.content);
  };

  /** `lead` begins the words of a finding. Returns whether the length limit cut the sequence. */
  const readTokens = (
    example: ChatExample | TextExample,
    { encoding, segments, dropped }: Tokenized,
    sequence: Truncated,
    source: number,
    lead = "",
  ): boolean => {
    const { row } = example;
    if (encoding.straddled > 0) {
      straddled += encoding.straddled;
      note("straddled", source, row, () => `: ${lead}${encoding.straddled}`);
    }
    if (encoding.unknown > 0) note("unknown-text", source, row, () => `: ${lead}${encoding.unknown} unknown tokens`);
    if (example.kind === "text") return false;
    for (const { kind, words, fields } of lossesOf(example, dropped, turns === "together")) {
      note(kind, source, row, () => `: ${lead}${words}`);
      if (kind === "unread-fields") for (const field of fields) unreadFields.add(field);
    }
    const isCut = sequence.indices.length < encoding.ids.length;
    if (isCut) {
      const { supervised: remaining, supervisedLost } = sequence;
      truncation.remaining += remaining;
      truncation.lost += supervisedLost;
      const cut = `${encoding.ids.length} tokens; ${supervisedLost} supervised tokens lost, ${remaining} left`;
      note("truncated", source, row, () => `: ${lead}${cut}`);
    }
    chosenFamily ??= familyOf(segments.map(({ kind, text }) => (kind === "control" ? text : "")).join("\n"));
    return isCut;
  };

  const addSequence = (sequence: Truncated, source: number, kind: SequenceKind) => {
    lengths.push(sequence.ids.length);
    supervised.push(sequence.supervised);
    sequenceSources.push(source);
    kinds.push(sequenceKinds.indexOf(kind));
  };
  const addExample = (example: Example) => {
    firstSequences.push(lengths.length - 1);
    rows.push(example.row);
    repeats.add(example);
  };

  return {
    add(example, tokenized, sequence, source) {
      preflight.add(example, tokenized, sequence, source);
      addSequence(sequence, source, example.kind);
      if (example === previous) return;
      previous = example;
      addExample(example);
      readTexts(example, source);
      if (example.kind === "chat") readAnswer(example, source);
      if (readTokens(example, tokenized, sequence, source)) truncation.rows++;
    },

    addAnswers(example, given, source) {
      let isCut = false;
      for (const [nth, { side, chat, tokenized, sequence }] of given.entries()) {
        preflight.add(chat, tokenized, sequence, source);
        addSequence(sequence, source, nth === 0 ? "preference" : "partner");
        if (nth === 0) addExample(example);
        if (readTokens(chat, tokenized, sequence, source, `${side} answer: `)) isCut = true;
        if (example[side].some(isEmptyAnswer)) note("empty-answer", source, example.row, () => `: the ${side} one`);
      }
      if (isCut) truncation.rows++;
      readTexts(example, source);
      preferences.add(rows.length - 1, example, given);
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

      const { equal, opposite, lengthBias, answers: preferred } = preferences.find();
      for (const example of equal) noteExample("equal-answers", example, () => "");
      for (const { later, earlier } of opposite) {
        noteExample("opposite-preference", later, () => ` and ${nameOf(earlier)}`);
      }

      const facts = {
        maxLength: options.maxLength,
        lost: truncation.lost,
        straddled,
        medianAnswer: medianWords,
        hasOwnTemplate: options.chatTemplate != null && settings.template?.kind !== "model",
        reasoningInTags: settings.reasoning === "tags",
        unreadFields: [...unreadFields],
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
      if (lengthBias) findings.push(lengthFinding(lengthBias));
      for (const { name, unusedColumns = [] } of sources) {
        if (unusedColumns.length > 0) findings.push(columnsFinding(unusedColumns, sources.length > 1 ? name : null));
      }
      findings.sort((a, b) => Number(a.severity === "hint") - Number(b.severity === "hint"));

      const totals = sources.map(noTotal);
      for (let i = 0; i < lengths.length; i++) {
        const total = totals[sequenceSources.at(i)];
        const kind = sequenceKinds[kinds.at(i)] ?? "chat";
        const sequence = { tokens: lengths.at(i), supervised: supervised.at(i), kind, heldOut: isHeldOut(i) };
        if (total) addTo(total, sequence);
      }
      const checks = preflight.checks(totals);
      const mixable = checks.some(({ kind, passed }) => kind === "mixture" && passed);
      const figures = sources.map((source, k) => ({
        ...source,
        excluded: excluded[k] ?? 0,
        total: totals[k] ?? noTotal(),
      }));
      return {
        examples: totals.reduce((sum, { examples }) => sum + examples, 0),
        leftOut,
        leftOutCount,
        tokens: totals.reduce((sum, { tokens }) => sum + tokens, 0),
        supervisedTokens: totals.reduce((sum, total) => sum + total.supervised, 0),
        truncation,
        lengths: histogram(lengths.all()),
        answers: preferred,
        sources: sourceReports(figures, mixable ? options.mixture : null),
        findings,
        checks,
        seconds: (performance.now() - began) / 1000,
      };
    },
  };
}

/** Texts of an example's messages, or of a plain text. */
function textsOf(example: Example): string[] {
  if (example.kind === "text") return [example.text];
  const messages =
    example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen, ...example.rejected];
  return messages.map(({ content }) => content);
}

const isEmptyAnswer = ({ role, content, toolCalls }: Message) =>
  role === "assistant" && !toolCalls?.length && isInvisible(content);

const familyOf = (template: string) => findTemplateMarker(template)?.family ?? null;

/** The distinct rows, ordered by source and row. */
function ascending(sources: readonly number[], rows: readonly number[]): RowSet {
  const order = sources
    .map((source, i) => ({ source, row: rows[i] ?? 0 }))
    .sort((a, b) => a.source - b.source || a.row - b.row)
    .filter((at, i, all) => i === 0 || at.row !== all[i - 1]?.row || at.source !== all[i - 1]?.source);
  return { sources: order.map(({ source }) => source), rows: order.map(({ row }) => row) };
}
