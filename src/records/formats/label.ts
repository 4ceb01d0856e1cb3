/** Reads whether an answer is wanted: the label of unpaired preferences, as KTO takes them. */

import { quote } from "../read/row.ts";
import type { ExampleBody } from "./convert.ts";
import { fail, nameOf, type RowFields, textOf } from "./fields.ts";

/** Words that only a rating of an answer uses; a column of classes may have the others. */
const clear = {
  wanted: [
    "true",
    "thumbsup",
    "👍",
    "up",
    "upvote",
    "upvoted",
    "desirable",
    "wanted",
    "chosen",
    "preferred",
    "accepted",
  ],
  unwanted: [
    ...["false", "thumbsdown", "👎", "down", "downvote", "downvoted", "undesirable", "unwanted", "rejected"],
    ...["dispreferred", "notpreferred"],
  ],
};
const other = {
  wanted: ["1", "1.0", "+1", "yes", "good", "positive", "like", "liked", "accept"],
  unwanted: ["0", "0.0", "-1", "-1.0", "no", "bad", "negative", "dislike", "disliked", "reject"],
};

interface Rating {
  readonly wanted: boolean;
  readonly clear: boolean;
}

const ratings = new Map<string, Rating>();
for (const words of [other, clear]) {
  for (const word of words.wanted) ratings.set(word, { wanted: true, clear: words === clear });
  for (const word of words.unwanted) ratings.set(word, { wanted: false, clear: words === clear });
}

/**
 * Whether a value says that an answer is wanted; null for values that say neither. `clear`: whether no other kind of column has
 * such a value.
 */
export function ratingOf(value: unknown): Rating | null {
  const word = textOf(value);
  if (word === null || word.length > 40) return null;
  // Variation selectors and skin tones are part of many thumbs.
  const bare = word.toLowerCase().replace(/[\s_]|(?<=[a-z])-(?=[a-z])|\ufe0f|[\u{1f3fb}-\u{1f3ff}]/gu, "");
  return ratings.get(bare) ?? null;
}

/** Whether the row's answer is wanted; null without a column that says it. Throws `Unusable` for a missing or another value. */
export function readLabel(row: RowFields): boolean | null {
  if (!row.mapped("label")) return null;
  const field = row.required("label");
  const rating = ratingOf(field.value);
  if (rating) return rating.wanted;
  const { value } = field;
  const shown = typeof value === "string" ? quote(value, 30) : (textOf(value) ?? nameOf(value));
  return fail(field, `is ${value === "" ? "empty" : shown}: write true for a wanted answer, false for an unwanted one`);
}

export type ChatBody = Extract<ExampleBody, { kind: "chat" }>;

/**
 * A chat whose last answer is wanted or not, as a preference with one answer. `begin`: index of that answer's first message;
 * by default the one after the last question.
 */
export function rated(
  { messages, kind: _, ...rest }: ChatBody,
  wanted: boolean,
  begin = lastAnswer(messages),
): ExampleBody {
  const end = messages.findLastIndex(({ role }) => role === "assistant") + 1;
  const answer = messages.slice(begin, end);
  const [chosen, rejected] = wanted ? [answer, []] : [[], answer];
  return { ...rest, kind: "preference", prompt: messages.slice(0, begin), chosen, rejected };
}

/** The index after the last question before the last answer. */
function lastAnswer(messages: ChatBody["messages"]): number {
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  return messages.slice(0, last).findLastIndex(({ role }) => role === "user" || role === "system") + 1;
}
