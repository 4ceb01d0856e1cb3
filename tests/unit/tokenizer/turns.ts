/** Conversations as weighted segments in a plain form, to test the tokenizer without templates. */

import type { Message, Role } from "../../../src/records/example.ts";
import type { WeightedSegment } from "../../../src/tokenizer/segment.ts";
import type { Tokenizer } from "../../../src/tokenizer/tokenizer.ts";

export interface Turns {
  readonly header: (role: Role) => string;
  readonly end: string;
}

export const hone: Turns = { header: (role) => `<|${role}|>`, end: "<|end|>" };
export const chatml: Turns = { header: (role) => `<|im_start|>${role}\n`, end: "<|im_end|>" };

/** Text of a user, which is context unless it has a weight. */
export const plainText = (text: string, weight = 0): WeightedSegment => ({
  text,
  kind: "content",
  role: "user",
  message: 0,
  answer: false,
  supervised: weight !== 0,
  weight,
});

export const controlText = (text: string, weight = 0): WeightedSegment => ({
  ...plainText(text, weight),
  kind: "control",
});

/** The end of an answer: the marker, and the end of sequence where the marker is no token. */
export const endOfAnswer = ({ end }: Turns, tokenizer: Tokenizer): string =>
  end + (tokenizer.addedToken(end) === undefined ? (tokenizer.eos?.text ?? "") : "");

/** Supervises only answers and their ends, with the message's weight; `prompt` adds the header of another answer. */
export function render(
  turns: Turns,
  tokenizer: Tokenizer,
  messages: readonly Message[],
  prompt = false,
): WeightedSegment[] {
  const segments: WeightedSegment[] = [];
  if (tokenizer.addBos && tokenizer.bos) {
    segments.push({ ...controlText(tokenizer.bos.text), added: true, role: null, message: null });
  }
  messages.forEach(({ role, content, weight = 1 }, message) => {
    const answer = role === "assistant";
    const supervised = answer && weight !== 0;
    const place = { role, message, answer, supervised, weight: supervised ? weight : 0 };
    const header = (message > 0 ? "\n" : "") + turns.header(role);
    segments.push({ ...controlText(header), role, message });
    segments.push({ text: content, kind: "content", ...place });
    segments.push({ text: answer ? endOfAnswer(turns, tokenizer) : turns.end, kind: "control", ...place });
  });
  if (prompt) {
    const message = messages.length;
    const header = (message > 0 ? "\n" : "") + turns.header("assistant");
    segments.push({ ...controlText(header), role: "assistant", message });
  }
  return segments;
}
