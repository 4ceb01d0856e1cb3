/** The rows of a run for other trainers: each example as JSON Lines, and a template that gives its tokens and mask. */

import type { HandOverRows } from "../export/handOver/rows.ts";
import { type PlainRenderer, plainTokens } from "../quality/plainTokens.ts";
import { type TokenizeParts, tokenizeExample } from "../quality/tokenize.ts";
import type { ChatExample, Example, Message } from "../records/example.ts";
import { writeJson } from "../records/writeJson.ts";
import { createPlainTemplate } from "../templates/chatTemplate.ts";
import type { TemplateModel } from "../templates/choose.ts";
import { type MarkedTemplate, markedTemplates } from "../templates/marked.ts";
import { templateSource } from "../templates/source.ts";
import type { Conversation } from "../templates/template.ts";
import { exampleValue } from "./exampleValue.ts";
import type { ChosenRows, InspectionParts } from "./inspection.ts";
import { createTurns } from "./turns.ts";

/** Characters after which lines become a part of the Blob, which the browser may move to the disk. */
const partLength = 2 ** 22;

export interface HandOverParts extends Pick<InspectionParts, "template" | "begin" | "progress" | "signal"> {
  readonly tokenizer: TokenizeParts["tokenizer"];
  readonly settings: InspectionParts["settings"] & Pick<InspectionParts["spec"]["settings"], "template">;
  readonly sources: readonly ChosenRows[];
  readonly model: TemplateModel;
}

/**
 * Goes through the same examples in the same order as `inspectRows`, so that sequence i is sequence i of its table. Throws the
 * signal's reason.
 */
export async function handOverRows(parts: HandOverParts): Promise<HandOverRows> {
  const { sources, begin, progress, signal } = parts;
  const total = sources.reduce((sum, { rows }) => sum + rows.summary.rows, 0);
  const lines = createLines();
  const trial = createTrial(parts);
  const examples: number[] = [];
  const offsets = [0];
  let done = 0;
  const texts: number[] = [];
  const turns = createTurns(signal);
  for (const { rows, choice, convert } of sources) {
    const excluded = new Set(choice.excluded);
    for await (const { from, records } of rows.pieces(signal)) {
      for (const [i, record] of records.entries()) {
        done++;
        if (turns.due()) {
          progress(done, total);
          await turns.next();
        }
        begin(`row ${from + i + 1} of ${rows.summary.name}`);
        if (excluded.has(from + i) || "problem" in record) continue;
        const converted = convert(record.value);
        for (const body of "examples" in converted ? converted.examples : []) {
          const example: Example = { ...body, row: from + i, line: record.line };
          if (example.kind === "preference") continue;
          const result = tokenizeExample(example, parts);
          if (!("encoding" in result) || result.problem !== null || result.sequences.length === 0) continue;
          if (example.kind === "chat")
            trial.add(example, result.sequences[0], `row ${from + i + 1} of ${rows.summary.name}`);
          const nth = lines.add(writeJson(exampleValue(body)));
          texts.push(example.kind === "text" ? 1 : 0);
          for (const { ids } of result.sequences) {
            examples.push(nth);
            offsets.push((offsets.at(-1) ?? 0) + ids.length);
          }
        }
      }
    }
  }
  progress(total, total);
  return {
    ...lines.finish(),
    examples: Int32Array.from(examples),
    offsets: Float64Array.from(offsets),
    texts: Uint8Array.from(texts),
    ...trial.finish(),
  };
}

interface Wanted {
  readonly ids: Int32Array;
  readonly mask: Uint8Array;
}

/** Tries the templates on every chat; the first one that never fails is the template of the rows. */
function createTrial({ tokenizer, template, settings, model, begin }: HandOverParts) {
  let problem: string | null = null;
  let candidates: { readonly marked: MarkedTemplate; readonly render: PlainRenderer }[] = [];
  let fallback: MarkedTemplate | null = null;
  try {
    begin("the template for other trainers");
    const source = templateSource(settings.template, model, settings.systemPrompt);
    const all = markedTemplates(source, settings.mask, tokenizer.show(template.stopIds[0] ?? -1));
    fallback = all[0] ?? null;
    candidates = all.map((marked) => ({ marked, render: createPlainTemplate(marked.source, tokenizer) }));
  } catch (error) {
    problem = messageOf(error);
  }
  let chats = 0;
  return {
    add(example: ChatExample, wanted: Wanted | undefined, place: string) {
      chats++;
      if (problem !== null || !wanted) return;
      problem = beyondColumns(example, place);
      if (problem !== null) return;
      const reasons: string[] = [];
      candidates = candidates.filter(({ marked, render }) => {
        const reason = difference(render, asRow(example), marked, wanted);
        if (reason !== null) reasons.push(reason);
        return reason === null;
      });
      if (candidates.length === 0) problem = `${place}: ${reasons.at(-1)}`;
    },
    finish(): Pick<HandOverRows, "template" | "problem"> {
      const [best] = candidates;
      return { template: best?.marked ?? fallback, problem: chats === 0 ? null : problem };
    },
  };

  /** How the template's own tokens differ from the run's; null where they are equal. */
  function difference(render: PlainRenderer, row: Conversation, marked: MarkedTemplate, wanted: Wanted): string | null {
    try {
      const whole = plainTokens(render(row), marked, tokenizer);
      const isCut = settings.truncation === "right";
      const ids = isCut ? whole.ids.subarray(0, settings.maxLength) : whole.ids;
      const at = ids.findIndex((id, i) => id !== wanted.ids[i]);
      if (at >= 0 || ids.length !== wanted.ids.length)
        return `the whole text has other tokens from ${at < 0 ? Math.min(ids.length, wanted.ids.length) : at} on`;
      const wrong = ids.findIndex((_, i) => whole.mask[i] !== wanted.mask[i]);
      return wrong < 0 ? null : `the template's tags give another mask at token ${wrong}`;
    } catch (error) {
      return messageOf(error);
    }
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** What a table of Hugging Face's datasets would change in the row: absent keys become null, in every row. */
function beyondColumns({ ready, tools, specialTokens, messages }: ChatExample, place: string): string | null {
  if (ready) return `${place} was rendered before, and no template applies to it`;
  if (specialTokens) return `${place} has texts of special tokens that are these tokens`;
  if (tools) return `${place} has tools, whose keys a table of datasets changes`;
  const field = messages.flatMap(({ fields = {}, toolCalls, structured, parts, name, toolCallId }) => [
    ...Object.keys(fields).filter((key) => key !== "weight"),
    ...(toolCalls || toolCallId ? ["tool_calls"] : []),
    ...(structured !== undefined || parts ? ["a content that is no text"] : []),
    ...(name !== undefined ? ["name"] : []),
  ])[0];
  return field === undefined ? null : `${place} has ${field}, which a table of datasets gives to every message`;
}

/** The row's messages as the lines have them. */
const asRow = ({ messages }: ChatExample): Conversation => ({ messages: messages.map(withWeight) });

const withWeight = (message: Message): Message =>
  message.weight === undefined ? message : { ...message, fields: { ...message.fields, weight: message.weight } };

/** JSON Lines with the byte offset of each line. */
function createLines() {
  const encoder = new TextEncoder();
  const parts: Blob[] = [];
  const ends = [0];
  let pending: Uint8Array<ArrayBuffer>[] = [];
  let length = 0;
  const flush = () => {
    parts.push(new Blob(pending));
    pending = [];
    length = 0;
  };
  return {
    /** Returns the line's index. */
    add(text: string): number {
      const bytes = encoder.encode(`${text}\n`);
      pending.push(bytes);
      length += bytes.length;
      ends.push((ends.at(-1) ?? 0) + bytes.length);
      if (length >= partLength) flush();
      return ends.length - 2;
    },
    finish() {
      flush();
      return { rows: new Blob(parts, { type: "application/jsonl" }), ends: Float64Array.from(ends) };
    },
  };
}
