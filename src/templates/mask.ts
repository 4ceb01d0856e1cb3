/** Assigns loss weights to segments, from the weights of their messages (DOMAIN.md, Formulas). */

import type { Message } from "../records/example.ts";
import type { Segment, WeightedSegment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { MaskMode } from "./choice.ts";
import { TemplateError } from "./template.ts";

/**
 * `messages` are the rendered ones, to which the segments' indexes refer. An answer and its end marker have the loss
 * weight of their message. "last" supervises only the last answer; "everything" gives all other segments the loss
 * weight 1. Where a message's parts have different weights, its content is cut between the parts. Throws TemplateError
 * when the template changed that content, because the parts have no known place then.
 */
export function weigh(segments: readonly Segment[], messages: readonly Message[], mode: MaskMode): WeightedSegment[] {
  const last = messages.findLastIndex((message) => message.role === "assistant");
  const isSupervisedAnswer = (segment: Segment) =>
    segment.answer && segment.role === "assistant" && (mode !== "last" || segment.message === last);
  const cut = new Set<number>();
  const written = new Set<number | null>();
  const all: WeightedSegment[] = [];
  for (const segment of segments) {
    if (!isSupervisedAnswer(segment)) {
      all.push(weighted(segment, mode === "everything" ? 1 : 0));
      continue;
    }
    const { message: index, kind } = segment;
    written.add(index);
    const message = index === null ? undefined : messages[index];
    const weight = message?.weight ?? 1;
    if (index === null || !message || kind !== "content" || cut.has(index) || !partsDiffer(message)) {
      all.push(weighted(segment, weight));
      continue;
    }
    cut.add(index);
    all.push(...cutAtParts(segment, index, message));
  }
  messages.forEach((message, index) => {
    if (!cut.has(index) && written.has(index) && partsDiffer(message)) throw partsLost(index);
  });
  return all;
}

/** Loss weight 0 masks. Only this function derives the mask from a weight. */
const weighted = (segment: Segment, weight: number): WeightedSegment => ({
  ...segment,
  supervised: weight !== 0,
  weight,
});

const partsDiffer = ({ parts = [], weight = 1 }: Message): boolean =>
  parts.some((part) => part.text !== "" && (part.weight ?? weight) !== weight);

const partsLost = (index: number) =>
  new TemplateError(
    `The parts of message ${index + 1} have different weights, and this template changes its text, so Hone cannot find the parts. Give the message one weight, or choose another template.`,
  );

function cutAtParts(segment: Segment, index: number, { content, parts = [], weight = 1 }: Message): WeightedSegment[] {
  // Many templates trim a content; the parts of a trimmed content still have known places.
  const known = [content, content.trimEnd(), content.trim()].includes(segment.text);
  if (!known) throw partsLost(index);
  const trimmed = segment.text === content.trim() ? content.length - content.trimStart().length : 0;
  let end = -trimmed;
  return parts.flatMap((part) => {
    const start = Math.max(0, end);
    end += part.text.length;
    const text = segment.text.slice(start, Math.max(0, end));
    return text === "" ? [] : [weighted({ ...segment, text }, part.weight ?? weight)];
  });
}

/** Plain text for continued pre-training: BOS where the model wants it, the text, EOS if any. Only BOS is masked. */
export function renderText(text: string, tokenizer: Tokenizer): WeightedSegment[] {
  const { bos, addBos, eos } = tokenizer;
  const plain = { role: null, message: null, answer: false } as const;
  return [
    ...(bos && addBos ? [weighted({ ...plain, text: bos.text, kind: "control", added: true }, 0)] : []),
    weighted({ ...plain, text, kind: "content" }, 1),
    ...(eos ? [weighted({ ...plain, text: eos.text, kind: "control" }, 1)] : []),
  ];
}
