/** Processes a file from its bytes to the report, with the parts that the data worker uses. */

import type { MixtureMode } from "../../../src/batching/mixture.ts";
import { withOptions, withVariants } from "../../../src/datasets/edits.ts";
import { inspectRows } from "../../../src/datasets/inspection.ts";
import type { DataSettings } from "../../../src/quality/tokenize.ts";
import { createConverter } from "../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../src/records/formats/detect.ts";
import type { Mapping } from "../../../src/records/formats/mapping.ts";
import { readRecords } from "../../../src/records/read/read.ts";
import type { DataRecord } from "../../../src/records/read/record.ts";
import type { SourceOptions } from "../../../src/run/source.ts";
import type { TemplateChoice } from "../../../src/templates/choice.ts";
import { createTemplate } from "../../../src/templates/choose.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { createTokenizer, type Tokenizer } from "../../../src/tokenizer/tokenizer.ts";
import { byteLevelTokenizer } from "../../support/tokenizers.ts";

export interface Chain extends Partial<DataSettings> {
  readonly tokenizer?: Tokenizer;
  readonly chatTemplate?: string | null;
  readonly validationShare?: number;
  readonly mixture?: MixtureMode;
  readonly excluded?: readonly number[];
  readonly lambda?: number;
  readonly options?: SourceOptions;
  /** null: the detected mapping. */
  readonly mapping?: Mapping | null;
  /** Whether a stage trains on preferences. */
  readonly preferences?: boolean;
}

export const byteLevel = (added: readonly string[] = ["<|end|>"], bos?: "none") => {
  const { json, config } = byteLevelTokenizer({ added, ...(bos && { bos }) });
  return createTokenizer(json, config);
};

export async function recordsOf(name: string, file: string | Uint8Array<ArrayBuffer>): Promise<DataRecord[]> {
  const bytes = typeof file === "string" ? new TextEncoder().encode(file) : file;
  const { batches } = await readRecords(bytesFromMemory(name, bytes));
  const records: DataRecord[] = [];
  for await (const batch of batches) records.push(...batch);
  return records;
}

const hone: TemplateChoice = { kind: "built-in", name: "hone" };

/** Tokenizes the rows of a file and reports on them. */
export async function inspectFile(name: string, file: string | Uint8Array<ArrayBuffer>, chain: Chain = {}) {
  const records = await recordsOf(name, file);
  const detection = detectFormat(records.flatMap((record) => ("value" in record ? [record.value] : [])));
  const { tokenizer = byteLevel(), lambda = 1, excluded = [], mixture = "sampling", validationShare = 0 } = chain;
  const settings: DataSettings = {
    template: chain.template ?? hone,
    systemPrompt: chain.systemPrompt ?? null,
    mask: chain.mask ?? "responses",
    maxLength: chain.maxLength ?? 4096,
    truncation: chain.truncation ?? "drop",
    turns: chain.turns ?? "together",
    reasoning: chain.reasoning ?? "template",
  };
  const template = createTemplate(settings.template, { tokenizer, chatTemplate: chain.chatTemplate ?? null });
  const { mapping = null, options = {}, preferences = false } = chain;
  const choice = { hash: name, mapping, lambda, excluded, options };
  const summary = {
    name,
    hash: name,
    kind: "jsonl" as const,
    gzip: false,
    rows: records.length,
    byteLength: file.length,
    detection,
    problems: [],
    unreadable: records.filter((record) => "problem" in record).length,
    stored: false,
  };
  const rows = {
    summary,
    async *pieces() {
      yield { from: 0, records };
    },
    record: async (row: number) => records[row] as DataRecord,
  };
  const convert = withVariants(withOptions(createConverter(mapping ?? detection.mapping), options, name), settings);
  const spec = { modelHash: "", sources: [choice], settings, preferences, mixture, validationShare, seed: 1 };
  const sources = [{ rows, choice, convert }];
  const unnamed = { begin: () => {}, progress: () => {} };
  return inspectRows({ spec, sources, tokenizer, template, settings, chatTemplate: null, ...unnamed });
}
