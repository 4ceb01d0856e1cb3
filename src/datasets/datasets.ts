/** The dataset service: reads files of rows, and renders, tokenizes and checks them for a model. */

import { bytesFromBlob } from "../hub/bytes.ts";
import { type Activity, unwatched } from "../protocol/activity.ts";
import type { DataApi, DataEvent, PreparedData, RowHead, TokenTable } from "../protocol/datasets.ts";
import { transfer } from "../protocol/rpc.ts";
import type { DataSettings, TokenizeParts } from "../quality/tokenize.ts";
import type { Message } from "../records/example.ts";
import { type Converted, createConverter } from "../records/formats/convert.ts";
import type { DataRecord } from "../records/read/record.ts";
import { writeJson } from "../records/writeJson.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import type { SourceChoice } from "../run/source.ts";
import type { Storage } from "../storage/storage.ts";
import { TemplateError } from "../templates/template.ts";
import { type ByteSource, bytesFromMemory } from "../tensor/bytes.ts";
import { nextTask } from "../training/control.ts";
import { openDocuments } from "./documents.ts";
import { editCalls } from "./editCalls.ts";
import { withEdits, withOptions, withVariants } from "./edits.ts";
import { questionOf, readExam } from "./exam.ts";
import { handOverRows } from "./handOver.ts";
import { type ChosenRows, inspectRows } from "./inspection.ts";
import { shownIndent } from "./messages.ts";
import { createModels } from "./models.ts";
import { chatPreview, headOf, previewExamples } from "./preview.ts";
import { promptCalls } from "./prompts.ts";
import { createRowStore } from "./rows.ts";

/** The conversation on which a template is tried: a system message, and two turns of user and assistant. */
const trial = [
  { role: "system", content: "Answer in one sentence." },
  { role: "user", content: "What is a fox?" },
  { role: "assistant", content: "A fox is a small wild dog." },
  { role: "user", content: "Where does it live?" },
  { role: "assistant", content: "In dens that it digs." },
] as const;

/** Eight million tokens: the engine has a second copy of them. */
const longestCache = 72 * 2 ** 20;

export interface DatasetService {
  /** The service's methods for the call of this name, which the watchdog uses. */
  during(call: string): DataApi;
}

export interface ServiceOptions {
  readonly activity?: Activity;
  /** Most bytes of tokens that the service caches. */
  readonly cacheBytes?: number;
}

export function createDatasetService(
  storage: Storage,
  emit: (event: DataEvent) => void,
  { activity = unwatched, cacheBytes = longestCache }: ServiceOptions = {},
): DatasetService {
  const store = createRowStore(storage);
  const models = createModels(activity);
  /** Rows of the last inspection or budget, which a run with the same spec reuses. */
  let cached: { readonly key: string; readonly prepared: PreparedData } | null = null;
  const progress = (task: string) => (done: number, total: number | null) =>
    emit({ type: "dataProgress", task, done, total });

  const partsOf = (modelHash: string, settings: DataSettings): TokenizeParts => ({
    template: models.template(modelHash, settings.template),
    tokenizer: models.get(modelHash).tokenizer,
    settings,
  });

  /** The rows of a source with its edits, and their conversion with its mapping and options. */
  async function sourceRows<Choice extends SourceChoice>(choice: Choice) {
    const rows = withEdits(await store.open(choice.hash), choice.edits);
    const { detection, name } = rows.summary;
    const convert = withOptions(createConverter(choice.mapping ?? detection.mapping), choice.options, name);
    return { rows, choice, convert };
  }

  /** The rows of all sources, converted to the examples that the settings ask for. */
  async function chosenRows({ sources, settings }: DataSpec): Promise<ChosenRows[]> {
    const list: ChosenRows[] = [];
    for (const choice of sources) {
      const { convert, ...rows } = await sourceRows(choice);
      list.push({ ...rows, convert: withVariants(convert, settings) });
    }
    return list;
  }

  /** The source at `index`. Throws where the page's spec has fewer sources by now. */
  async function oneOf(spec: DataSpec, index: number): Promise<ChosenRows> {
    const source = (await chosenRows({ ...spec, sources: spec.sources.slice(index, index + 1) }))[0];
    if (!source) throw new RangeError(`There are ${spec.sources.length} sources, so there is no source ${index + 1}.`);
    return source;
  }

  const convertRecord = (record: DataRecord, convert: ChosenRows["convert"]): Converted =>
    "problem" in record ? record : convert(record.value);

  async function prepare(
    spec: DataSpec,
    begin: (subject: string, part?: string) => void,
    signal?: AbortSignal,
  ): Promise<PreparedData> {
    const key = JSON.stringify(spec);
    if (cached?.key === key) return cached.prepared;
    cached = null;
    const sources = await chosenRows(spec);
    begin("a trial conversation");
    const { table, report } = await inspectRows({
      ...partsOf(spec.modelHash, spec.settings),
      begin,
      spec,
      sources,
      chatTemplate: models.get(spec.modelHash).chatTemplate,
      progress: progress("Checking the rows"),
      signal,
    });
    const prepared = { table, report, sourceNames: sources.map(({ rows }) => rows.summary.name) };
    cached = { key, prepared };
    return prepared;
  }

  const during = (call: string): DataApi => {
    const begin = (subject: string, part?: string) => activity.begin(call, subject, part);
    const beginRow = ({ rows }: ChosenRows, row: number) => begin(`row ${row + 1} of ${rows.summary.name}`);
    return {
      ...promptCalls(models, begin),
      ...editCalls({ store, edits: storage.edits, sourceRows, begin, progress }),

      async addModel(files) {
        begin("a trial conversation", "tokenizer.json");
        return { template: models.add(files) };
      },

      async open(files, signal) {
        const sources = [];
        const failures = [];
        for (const file of files) {
          try {
            const rows = await store.read(
              announced(bytesFromBlob(file.name, file), begin),
              progress(`Reading ${file.name}`),
              signal,
            );
            sources.push(rows.summary);
          } catch (error) {
            signal?.throwIfAborted();
            failures.push({ name: file.name, message: error instanceof Error ? error.message : String(error) });
          }
        }
        return { sources, failures };
      },

      async paste(name, text, signal) {
        const bytes = new TextEncoder().encode(text);
        const rows = await store.read(
          announced(bytesFromMemory(name, bytes), begin),
          progress(`Reading ${name}`),
          signal,
        );
        return rows.summary;
      },

      passages: (files, signal) =>
        openDocuments(
          files.map((file) => announced(bytesFromBlob(file.name, file), begin)),
          (task, done, total) => progress(task)(done, total),
          signal,
        ),

      list: () => store.list(),

      async delete(hash) {
        cached = null;
        await store.delete(hash);
        await storage.edits.delete(hash);
      },

      exam: (files, signal) =>
        readExam(
          files.map((file) => announced(bytesFromBlob(file.name, file), begin)),
          (task, done, total) => progress(task)(done, total),
          signal,
        ),

      async heads(spec, source, from, to, signal) {
        const one = await oneOf(spec, source);
        const { rows, choice, convert } = one;
        begin(rows.summary.name);
        const parts = partsOf(spec.modelHash, spec.settings);
        const excluded = new Set(choice.excluded);
        const heads: RowHead[] = [];
        for (let row = from; row < Math.min(to, rows.summary.rows); row++) {
          const record = await rows.record(row);
          beginRow(one, row);
          heads.push(headOf(row, convertRecord(record, convert), excluded.has(row), parts, spec.preferences));
          if (row % 8 === 7) {
            await nextTask();
            signal?.throwIfAborted();
          }
        }
        return heads;
      },

      async row(spec, source, row, view = "training") {
        const one = await oneOf(spec, source);
        const { rows, convert, choice } = one;
        const record = await rows.record(row);
        beginRow(one, row);
        const parts = partsOf(spec.modelHash, spec.settings);
        const { line } = record;
        const value = "problem" in record ? null : writeJson(record.value, shownIndent);
        const edited = choice.edits?.some((edit) => edit.row === row) ?? false;
        const shown = { source, row, line, value, edited };
        const converted = convertRecord(record, convert);
        if ("problem" in converted) return { ...shown, examples: [], problem: converted.problem };
        const { preferences } = spec;
        const examples = converted.examples.flatMap((body) =>
          previewExamples({ ...body, row, line }, parts, { view, ...(preferences && { preferences }) }),
        );
        return { ...shown, examples, problem: null };
      },

      inspect: async (spec, signal) => (await prepare(spec, begin, signal)).report,

      async prepare(spec, signal) {
        const prepared = await prepare(spec, begin, signal);
        const bytes = columnsOf(prepared.table).reduce((sum, { byteLength }) => sum + byteLength, 0);
        const copied = bytes <= cacheBytes;
        if (!copied) cached = null;
        const given = copied ? { ...prepared, table: structuredClone(prepared.table) } : prepared;
        return transfer(
          given,
          columnsOf(given.table).map(({ buffer }) => buffer),
        );
      },

      async handOverRows(spec, signal) {
        const model = models.get(spec.modelHash);
        const parts = partsOf(spec.modelHash, spec.settings);
        const sources = await chosenRows(spec);
        return handOverRows({
          ...parts,
          settings: spec.settings,
          model,
          sources,
          begin,
          progress: progress("Writing the rows"),
          signal,
        });
      },

      async tryTemplate(modelHash, settings) {
        begin("a trial conversation");
        try {
          // The length limit applies to rows, not to this conversation.
          const parts = partsOf(modelHash, { ...settings, maxLength: Number.MAX_SAFE_INTEGER });
          const messages = settings.systemPrompt ? trial.slice(1) : trial;
          const example = trialOf(messages, parts);
          if (example.problem !== null) {
            // A template without a system role may suit the rows, so it is tried without one.
            const without = trialOf(trial.slice(1), parts);
            if (without.problem !== null) {
              parts.template.render({ messages: trial.slice(1) }, { system: settings.systemPrompt });
              return { ok: false, message: without.problem, place: null };
            }
            return { ok: true, example: without, stop: stopOf(parts) };
          }
          return { ok: true, example, stop: stopOf(parts) };
        } catch (error) {
          const place = error instanceof TemplateError ? error.place : null;
          return { ok: false, message: error instanceof Error ? error.message : String(error), place };
        }
      },

      async questions(spec, wanted, signal) {
        const found = new Map<string, { readonly prompt: string; readonly reference: string }>();
        const sources = await chosenRows(spec);
        for (const { source, row } of wanted) {
          signal?.throwIfAborted();
          const at = sources[source];
          const record = await at?.rows.record(row);
          const converted = at && record ? convertRecord(record, at.convert) : null;
          for (const example of converted && "examples" in converted ? converted.examples : []) {
            const question = questionOf(example);
            if (question && !found.has(question.prompt)) found.set(question.prompt, question);
          }
        }
        return [...found.values()];
      },
    };
  };
  return { during };
}

/** The file's bytes; each read names the file reader as the work that follows. */
const announced = (source: ByteSource, begin: (subject: string, part: string) => void): ByteSource => ({
  ...source,
  async slice(start, end, signal) {
    const bytes = await source.slice(start, end, signal);
    begin(source.name, "The file reader");
    return bytes;
  },
});

const columnsOf = ({ ids, mask, weights, offsets, sources, rows, lines, splits, kinds, partners }: TokenTable) => [
  ids,
  mask,
  weights,
  offsets,
  sources,
  rows,
  lines,
  splits,
  kinds,
  partners,
];

const trialOf = (messages: readonly Message[], parts: TokenizeParts) =>
  chatPreview({ kind: "chat", messages, row: 0, line: 1 }, parts);

/** The text of the first stop token. */
const stopOf = ({ template, tokenizer }: TokenizeParts) => tokenizer.show(template.stopIds[0] ?? -1);
