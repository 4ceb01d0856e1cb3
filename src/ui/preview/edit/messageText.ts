/** Messages of a row as JSON text: their role, content and other fields, in either spelling. */

import { reasoningFields } from "../../../client/client.ts";
import { type Member, memberText, objectText, shapeOf } from "./rowText.ts";

/** How a list names roles and contents. */
export interface Spelling {
  readonly roleKey: string;
  readonly contentKey: string;
  readonly roles: readonly string[];
}

const openai: Spelling = { roleKey: "role", contentKey: "content", roles: ["system", "user", "assistant", "tool"] };
const sharegpt: Spelling = {
  roleKey: "from",
  contentKey: "value",
  roles: ["system", "human", "gpt", "function_call", "observation"],
};

export const reasoningKeys: readonly string[] = reasoningFields;

const membersOf = (json: string): readonly Member[] | null => {
  const shape = shapeOf(json);
  return shape.kind === "object" ? shape.members : null;
};

/** The spelling of a message by its own keys. */
export function spellingOf(message: readonly Member[]): Spelling {
  const base =
    memberText(message, "role") === undefined && memberText(message, "from") !== undefined ? sharegpt : openai;
  const contentKey = [base.contentKey, "content", "value", "text"].find(
    (key) => memberText(message, key) !== undefined,
  );
  return { ...base, contentKey: contentKey ?? base.contentKey };
}

/** The members of each message of a list; null where the JSON is no list of messages. */
export function messagesIn(json: string): readonly (readonly Member[])[] | null {
  const shape = shapeOf(json);
  if (shape.kind !== "list") return null;
  const messages = shape.items.map(membersOf);
  const known = messages.flatMap((members) =>
    members && ["role", "from"].some((key) => memberText(members, key) !== undefined) ? [members] : [],
  );
  return known.length === messages.length ? known : null;
}

/** A new message in the spelling of the others: the user's after an answer, else an answer. */
export function newMessage(messages: readonly (readonly Member[])[]): string {
  const { roleKey, contentKey, roles } = messages[0] ? spellingOf(messages[0]) : openai;
  const last = messages.at(-1);
  const [, user = "user", assistant = "assistant"] = roles;
  const wasUser = last !== undefined && memberText(last, roleKey) === JSON.stringify(user);
  return objectText([
    [roleKey, JSON.stringify(wasUser ? assistant : user)],
    [contentKey, '""'],
  ]);
}

/** The list without a message, or with it one place up (-1) or down (1). */
export function moved(items: readonly string[], index: number, by: -1 | 1): readonly string[] {
  const [one, other] = [items[index], items[index + by]];
  return one === undefined || other === undefined ? items : items.with(index, other).with(index + by, one);
}
