/** Sorts what a template does not write of a row: reasoning, tool calls, tool descriptions, texts and other fields. */

import { type ChatExample, type Message, reasoningFields } from "../records/example.ts";
import type { Dropped } from "../templates/template.ts";

export type LossKind =
  | "lost-reasoning"
  /** Only in answers before the last one. */
  | "earlier-reasoning"
  | "lost-calls"
  | "lost-tools"
  | "lost-text"
  | "unread-fields";

export interface Loss {
  readonly kind: LossKind;
  /** Where: `message 2 (reasoning_content)`. */
  readonly words: string;
  readonly fields: readonly string[];
}

const reasoning: ReadonlySet<string> = new Set(reasoningFields);
/** Fields that are for Hone or that only join a result to its call: few templates write them, and no answer needs them. */
const ownFields: ReadonlySet<string> = new Set(["weight", "train", "loss_weight", "tool_call_id"]);

/** Most fields or messages that a sentence lists. */
const mostListed = 4;

/** `together`: whether all answers of the example are trained at once, so that earlier ones need their reasoning too. */
export function lossesOf(
  { messages }: Pick<ChatExample, "messages">,
  dropped: readonly Dropped[],
  together: boolean,
): Loss[] {
  if (dropped.length === 0) return [];
  const last = messages.findLastIndex(({ role }) => role === "assistant");
  const groups = new Map<LossKind, Dropped[]>();
  const add = (kind: LossKind, loss: Dropped) => {
    const group = groups.get(kind);
    if (group) group.push(loss);
    else groups.set(kind, [loss]);
  };
  for (const loss of dropped) {
    const { message, field } = loss;
    if (message < 0 && field === "tools") add("lost-tools", loss);
    else if (isReasoning(messages[message], field)) {
      if (message >= last) add("lost-reasoning", loss);
      else if (together) add("earlier-reasoning", loss);
    } else if (field === "tool_calls") add("lost-calls", loss);
    else if (field === "content") add("lost-text", loss);
    else if (!ownFields.has(field)) add("unread-fields", loss);
  }
  // A template that does not write the last answer's reasoning writes none at all.
  const earlier = groups.get("earlier-reasoning") ?? [];
  if (groups.has("lost-reasoning")) groups.delete("earlier-reasoning");
  return [...groups].map(([kind, losses]) => {
    const all = kind === "lost-reasoning" ? [...earlier, ...losses] : losses;
    const fields = [...new Set(all.map(({ field }) => field))];
    return { kind, words: placesOf(all, fields), fields };
  });
}

/** Whether a dropped text is reasoning, in a field of its own or in tags within the content. */
function isReasoning(message: Message | undefined, field: string): boolean {
  return reasoning.has(field) || (field === "content" && /<\/?think>/.test(message?.content ?? ""));
}

function placesOf(losses: readonly Dropped[], fields: readonly string[]): string {
  const messages = [...new Set(losses.map(({ message }) => message))].filter((message) => message >= 0);
  if (messages.length === 0) return listed(fields);
  const word = messages.length === 1 ? "message" : "messages";
  return `${word} ${listed(messages.map((message) => String(message + 1)))} (${listed(fields)})`;
}

function listed(items: readonly string[]): string {
  const more = items.length > mostListed ? ` and ${items.length - mostListed} more` : "";
  return `${items.slice(0, mostListed).join(", ")}${more}`;
}
