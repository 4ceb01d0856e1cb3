/** Which tokens are learnt, and how much: segments get their loss weights from their messages (DOMAIN.md, Formulas). */

import type { Message } from "../records/example.ts";
import type { Segment, WeightedSegment } from "../tokenizer/segment.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { MaskMode } from "./choice.ts";
import { TemplateError } from "./template.ts";

/**
 * `messages` are those that were rendered; segments name them by index. An answer weighs as much as its message, the marker
 * that ends it included; in "last" only the last assistant's is learnt, in "everything" every other segment weighs 1.
 * Where the parts of a message weigh differently, its content is cut at their borders; throws TemplateError when the
 * template has changed that content, so that the borders are not known.
 */
export function weigh(segments: readonly Segment[], messages: readonly Message[], mode: MaskMode): WeightedSegment[] {
  const last = messages.findLastIndex((message) => message.role === "assistant");
  const learnt = (segment: Segment) =>
    segment.answer && segment.role === "assistant" && (mode !== "last" || segment.message === last);
  const cut = new Set<number>();
  const weighted = segments.flatMap((segment): WeightedSegment | WeightedSegment[] => {
    if (!learnt(segment)) return { ...segment, ...supervision(mode === "everything" ? 1 : 0) };
    const { message: index, kind } = segment;
    const message = index === null ? undefined : messages[index];
    const weight = message?.weight ?? 1;
    if (index === null || !message || kind !== "content" || cut.has(index) || !partsDiffer(message)) {
      return { ...segment, ...supervision(weight) };
    }
    cut.add(index);
    return cutAtParts(segment, index, message);
  });
  const written = new Set(segments.flatMap((segment) => (learnt(segment) ? [segment.message] : [])));
  messages.forEach((message, index) => {
    if (!cut.has(index) && written.has(index) && partsDiffer(message)) throw partsLost(index);
  });
  return weighted;
}

/** A weight of 0 masks: this is the one place that makes the mask of a weight. */
const supervision = (weight: number) => ({ supervised: weight !== 0, weight });

const partsDiffer = ({ parts = [], weight = 1 }: Message): boolean =>
  parts.some((part) => part.text !== "" && (part.weight ?? weight) !== weight);

const partsLost = (index: number) =>
  new TemplateError(
    `The parts of message ${index + 1} have different weights, and this template changes its text, so that the parts cannot be found in it. Give the message one weight, or choose another template.`,
  );

function cutAtParts(segment: Segment, index: number, { content, parts = [], weight = 1 }: Message): WeightedSegment[] {
  // Many templates take away the white space around a content; what is left has a known place in it.
  const known = [content, content.trimEnd(), content.trim()].includes(segment.text);
  if (!known) throw partsLost(index);
  const taken = segment.text === content.trim() ? content.length - content.trimStart().length : 0;
  let end = -taken;
  return parts.flatMap((part) => {
    const start = Math.max(0, end);
    end += part.text.length;
    const text = segment.text.slice(start, Math.max(0, end));
    return text === "" ? [] : [{ ...segment, text, ...supervision(part.weight ?? weight) }];
  });
}

/** Plain text, for continued pre-training: BOS where the model wants it, the text, EOS where there is one; all learnt but BOS. */
export function renderText(text: string, tokenizer: Tokenizer): WeightedSegment[] {
  const { bos, addBos, eos } = tokenizer;
  const plain = { role: null, message: null, answer: false } as const;
  return [
    ...(bos && addBos ? [{ ...plain, text: bos.text, kind: "control" as const, ...supervision(0) }] : []),
    { ...plain, text, kind: "content", ...supervision(1) },
    ...(eos ? [{ ...plain, text: eos.text, kind: "control" as const, ...supervision(1) }] : []),
  ];
}
