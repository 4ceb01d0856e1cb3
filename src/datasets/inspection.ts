/** One pass over all chosen rows: their tokens in one table, and the data report. */

import { splitValidation } from "../batching/split.ts";
import type { Truncated } from "../batching/truncate.ts";
import type { TokenTable } from "../protocol/datasets.ts";
import { createInspector } from "../quality/inspect.ts";
import type { Check, DataReport } from "../quality/report.ts";
import { type TokenizeParts, tokenizeExample } from "../quality/tokenize.ts";
import { type TokenizedAnswer, tokenizeAnswers } from "../quality/tokenizeAnswers.ts";
import type { Example } from "../records/example.ts";
import type { Converted } from "../records/formats/convert.ts";
import type { Detection, Mapping } from "../records/formats/mapping.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import type { WeightedSource } from "../run/source.ts";
import { templateSeconds } from "../templates/clock.ts";
import { preferenceProblem } from "./preview.ts";
import type { Rows } from "./rows.ts";
import { createTurns } from "./turns.ts";

export interface ChosenRows {
  readonly rows: Rows;
  readonly choice: WeightedSource;
  readonly convert: (value: unknown) => Converted & { readonly isReplaced?: boolean };
}

export interface InspectionParts extends TokenizeParts {
  readonly spec: DataSpec;
  readonly sources: readonly ChosenRows[];
  /** The model's own template, for comparison with the chosen one. */
  readonly chatTemplate: string | null;
  /** Names the next row or part, for the watchdog. */
  readonly begin: (subject: string, part?: string) => void;
  readonly progress: (done: number, total: number) => void;
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds between two progress events, each of which redraws the page. */
const progressInterval = 200;

/** A template may run out of time on so many rows: with all rows of a large dataset that would take days. */
const mostSlowRows = 3;

/**
 * Tokenizes and checks every row of every source, in order. Throws the signal's reason when cancelled, and where the template is
 * too slow for the rows.
 */
export async function inspectRows(parts: InspectionParts): Promise<{ table: TokenTable; report: DataReport }> {
  const { spec, sources, tokenizer, template, settings, begin, progress, signal } = parts;
  const table = createTable();
  const inspector = createInspector({
    sources: sources.map(({ rows, choice }, index) => ({
      name: rows.summary.name,
      records: rows.summary.rows,
      lambda: choice.lambda,
      unusedColumns: unusedColumns(rows.summary.detection, choice.mapping),
      general: spec.general?.includes(index) ?? false,
    })),
    mixture: spec.mixture,
    maxLength: settings.maxLength,
    tokenizer,
    template,
    chatTemplate: parts.chatTemplate,
    settings: spec.settings,
  });
  const total = sources.reduce((sum, { rows }) => sum + rows.summary.rows, 0);
  let done = 0;
  let slowRows = 0;
  const turns = createTurns(signal);
  let reportedAt = performance.now();
  for (const [source, { rows, choice, convert }] of sources.entries()) {
    const excluded = new Set(choice.excluded);
    for await (const { from, records } of rows.pieces(signal)) {
      for (const [i, record] of records.entries()) {
        const row = from + i;
        done++;
        if (turns.due()) {
          const now = performance.now();
          if (now - reportedAt > progressInterval) {
            reportedAt = now;
            progress(done, total);
          }
          await turns.next();
        }
        const at = { source, row, line: record.line };
        begin(`row ${row + 1} of ${rows.summary.name}`);
        if (excluded.has(row)) {
          inspector.exclude(source, row);
          continue;
        }
        if ("problem" in record) {
          inspector.leaveOut({ ...at, message: record.problem, kind: "unreadable" });
          continue;
        }
        const converted = convert(record.value);
        if ("problem" in converted) {
          const kind = converted.isReplaced ? "replacement-character" : "unusable";
          inspector.leaveOut({ ...at, message: converted.problem, kind });
          continue;
        }
        for (const body of converted.examples) {
          const example: Example = { ...body, row, line: record.line };
          if (example.kind === "preference" && !spec.preferences) {
            inspector.leaveOut({ ...at, message: preferenceProblem, kind: "preference" });
            continue;
          }
          const result =
            example.kind === "preference" ? tokenizeAnswers(example, parts) : tokenizeExample(example, parts);
          if ("outOfTime" in result && result.outOfTime && ++slowRows === mostSlowRows) {
            throw new Error(
              `The chat template took more than ${templateSeconds} seconds on each of ${mostSlowRows} rows, of which row ${row + 1} of ` +
                `${rows.summary.name} is the last. Choose another template, or remove the long rows.`,
            );
          }
          if ("outOfTime" in result) {
            inspector.leaveOut({ ...at, message: result.problem, kind: "unusable" });
            continue;
          }
          if (result.problem !== null) {
            const encodings =
              "answers" in result ? result.answers.map(({ tokenized }) => tokenized.encoding) : [result.encoding];
            const tooLong = encodings.some(({ ids }) => ids.length > settings.maxLength);
            inspector.leaveOut({ ...at, message: result.problem, kind: tooLong ? "too-long" : "unusable" });
            continue;
          }
          const split = example.split === "train" ? 1 : example.split === "validation" ? 2 : 0;
          if ("answers" in result) {
            if (example.kind === "preference") inspector.addAnswers(example, result.answers, source);
            table.addAnswers(result.answers, { ...at, split });
          } else if (example.kind !== "preference") {
            for (const sequence of result.sequences) {
              table.add(sequence, { ...at, split, kind: example.kind === "text" ? 0 : 1, partner: -1 });
              inspector.add(example, result, sequence, source);
            }
          }
        }
      }
    }
  }
  begin("all rows", "The quality report");
  progress(total, total);
  const tokens = table.finish();
  const heldOut = new Set<number>();
  let refusal: Check | null = null;
  try {
    for (const index of splitValidation(tokens, spec.validationShare, spec.seed).validation) heldOut.add(index);
    for (const [index, source] of tokens.sources.entries()) if (spec.general?.includes(source)) heldOut.add(index);
  } catch (error) {
    const title = error instanceof Error ? error.message : String(error);
    refusal = { kind: "rows", passed: false, title, detail: "", rows: { sources: [], rows: [] } };
  }
  const report = inspector.finish({ isHeldOut: (index) => heldOut.has(index) });
  return { table: tokens, report: refusal ? { ...report, checks: [refusal, ...report.checks] } : report };
}

/** Columns of the first rows that have no role, for formats that read a row's columns by their mapping. */
function unusedColumns({ mapping: detected, columns }: Detection, chosen: Mapping | null): string[] {
  const mapping = chosen ?? detected;
  if (mapping.format === "mixed" || mapping.format === "oasst") return [];
  const used = new Set(Object.values(mapping.columns));
  // A column without a sample is empty in all of these rows.
  return columns.filter(({ name, sample }) => sample !== "" && !used.has(name)).map(({ name }) => name);
}

interface TableEntry {
  readonly source: number;
  readonly row: number;
  readonly line: number;
  readonly split: 0 | 1 | 2;
  readonly kind: 0 | 1 | 2 | 3;
  /** See `TokenTable.partners`. */
  readonly partner: number;
}

/** Grows by pieces, so that at the end every token is copied once. */
function createTable() {
  const pieceTokens = 2 ** 18;
  const pieces: {
    readonly ids: Int32Array;
    readonly mask: Uint8Array;
    readonly weights: Float32Array;
    used: number;
  }[] = [];
  const offsets: number[] = [0];
  const sources: number[] = [];
  const rows: number[] = [];
  const lines: number[] = [];
  const splits: number[] = [];
  const kinds: number[] = [];
  const partners: number[] = [];
  const table = {
    add(
      { ids, mask, weights }: Pick<Truncated, "ids" | "mask" | "weights">,
      { source, row, line, split, kind, partner }: TableEntry,
    ) {
      let piece = pieces.at(-1);
      if (!piece || piece.used + ids.length > piece.ids.length) {
        const size = Math.max(pieceTokens, ids.length);
        piece = { ids: new Int32Array(size), mask: new Uint8Array(size), weights: new Float32Array(size), used: 0 };
        pieces.push(piece);
      }
      piece.ids.set(ids, piece.used);
      piece.mask.set(mask, piece.used);
      piece.weights.set(weights, piece.used);
      piece.used += ids.length;
      offsets.push((offsets.at(-1) ?? 0) + ids.length);
      sources.push(source);
      rows.push(row);
      lines.push(line);
      splits.push(split);
      kinds.push(kind);
      partners.push(partner);
    },
    /** Adds the answers of a preference row, each with the other one as its partner. */
    addAnswers(answers: readonly TokenizedAnswer[], at: Pick<TableEntry, "source" | "row" | "line" | "split">) {
      const first = kinds.length;
      for (const [nth, { side, sequence }] of answers.entries()) {
        const partner = answers.length === 2 ? first + 1 - nth : -1;
        table.add(sequence, { ...at, kind: side === "chosen" ? 2 : 3, partner });
      }
    },
    finish(): TokenTable {
      const total = offsets.at(-1) ?? 0;
      const ids = new Int32Array(total);
      const mask = new Uint8Array(total);
      const weights = new Float32Array(total);
      let at = 0;
      for (let piece = pieces.shift(); piece; piece = pieces.shift()) {
        ids.set(piece.ids.subarray(0, piece.used), at);
        mask.set(piece.mask.subarray(0, piece.used), at);
        weights.set(piece.weights.subarray(0, piece.used), at);
        at += piece.used;
      }
      return {
        ids,
        mask,
        weights,
        offsets: Float64Array.from(offsets),
        sources: Int32Array.from(sources),
        rows: Int32Array.from(rows),
        lines: Int32Array.from(lines),
        splits: Int8Array.from(splits),
        kinds: Int8Array.from(kinds),
        partners: Int32Array.from(partners),
      };
    },
  };
  return table;
}
