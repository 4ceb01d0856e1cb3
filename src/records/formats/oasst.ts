/** OpenAssistant's trees of ranked replies: reads threads and preference pairs, and rebuilds trees from the flat form. */

import { type Message, reasoningFields } from "../example.ts";
import type { DataRecord } from "../read/record.ts";
import { quote } from "../read/row.ts";
import { asNumber, entriesOf, isList, isObject, memberOf, type Value } from "../value.ts";
import type { ExampleBody } from "./convert.ts";
import {
  type Field,
  fail,
  fromJson,
  isAbsent,
  isRow,
  list,
  member,
  nameOf,
  nonBlankText,
  type Row,
  textOf,
  Unusable,
} from "./fields.ts";
import { role } from "./messages.ts";

/** Deepest thread in messages; published trees have at most about ten. */
const maxDepth = 500;

/** Limits of the flat form, which must fit in memory: about 1 KB per message, plus its text. */
export const flatLimits = { messages: 400_000, characters: 128 * 2 ** 20 };

/** Limits of all threads of one tree together: every thread repeats the replies above it. */
const treeLimits = { messages: 100_000, characters: 2 ** 26 };

interface Reply {
  readonly message: Message;
  readonly rank: number | null;
  /** By rank 0, 1, …, then the unranked replies in the order of the file. */
  readonly replies: readonly Reply[];
}

/** Whether a value is the root of a tree, or JSON text of one. */
export function isTree(value: unknown): boolean {
  const root = fromJson(value);
  return isReply(root) && memberOf(root, "replies") !== undefined;
}

/** Whether a row is one message of the flat form. */
export function isFlatReply(value: unknown): value is Row {
  return (
    isReply(value) && typeof memberOf(value, "message_id") === "string" && memberOf(value, "parent_id") !== undefined
  );
}

function isReply(value: unknown): value is Row {
  return isRow(value) && textOf(memberOf(value, "text")) !== null && typeof memberOf(value, "role") === "string";
}

/**
 * Returns a chat example for each thread, best first: from the root to an assistant's reply without another assistant's reply
 * below it. Then preference examples: the best of the ranked answers to a prompt with each worse one. Deleted replies are left
 * out, with all replies below them. Throws `Unusable`.
 */
export function readTree(prompt: Field): ExampleBody[] {
  const value = fromJson(prompt.value);
  if (!isRow(value)) fail(prompt, `is ${nameOf(value)}, not the root of a tree {"text", "role", "replies"}`);
  const root = readReply({ path: prompt.path, value }, 1);
  const threads: ExampleBody[] = [];
  const preferences: ExampleBody[] = [];
  if (root) {
    requireBounded(root, prompt);
    walk(root, [], threads, preferences);
  }
  if (threads.length === 0) throw new Unusable(`no response: the tree of ${prompt.path} has no assistant's reply`);
  return [...threads, ...preferences];
}

/** Reads a reply and all replies below it; null for a deleted one. */
function readReply(field: Field, depth: number): Reply | null {
  if (!isRow(field.value)) fail(field, `is ${nameOf(field.value)}, not a reply {"text", "role", "replies"}`);
  if (memberOf(field.value, "deleted") === true) return null;
  if (depth > maxDepth) throw new Unusable(`the tree is more than ${maxDepth} replies deep`);
  const fields = reasoningOf(field.value);
  const message: Message = {
    role: role(member(field, "role")),
    content: nonBlankText(member(field, "text")),
    ...(fields && { fields }),
  };
  if (message.role === "system" && depth > 1) fail(field, "is a system message below the root");
  const rank = member(field, "rank");
  const below = member(field, "replies");
  const replies = (below.value == null ? [] : list(below))
    .map((reply) => readReply(reply, depth + 1))
    .filter((reply) => reply !== null);
  return {
    message,
    rank: isAbsent(rank.value) ? null : rankOf(rank),
    replies: replies.sort((a, b) => (a.rank ?? Infinity) - (b.rank ?? Infinity) || 0),
  };
}

/** The reasoning of a reply, by the file's own name; its other fields describe the tree. */
function reasoningOf(reply: Row): Message["fields"] | null {
  const found = reasoningFields.flatMap((name): [string, Value][] => {
    const reasoning = textOf(memberOf(reply, name));
    return reasoning === null ? [] : [[name, reasoning]];
  });
  return found.length > 0 ? Object.fromEntries(found) : null;
}

/** A rank; 0 is the best. */
function rankOf(field: Field): number {
  const rank = asNumber(field.value);
  if (rank !== null && rank >= 0) return rank;
  return fail(field, `is ${rank ?? nameOf(field.value)}, but a rank is a number from 0`);
}

/** Throws when all threads together exceed `treeLimits`. */
function requireBounded(root: Reply, { path }: Field): void {
  let messages = 0;
  let characters = 0;
  const left = [{ reply: root, depth: 1, above: 0 }];
  for (let next = left.pop(); next; next = left.pop()) {
    const { reply, depth } = next;
    const above = next.above + reply.message.content.length;
    if (reply.replies.length === 0) {
      messages += depth;
      characters += above;
      if (messages > treeLimits.messages || characters > treeLimits.characters)
        throw new Unusable(
          `the threads of ${path} have more than ${treeLimits.messages} messages or ${treeLimits.characters} characters together; split the tree`,
        );
    }
    for (const below of reply.replies) left.push({ reply: below, depth: depth + 1, above });
  }
}

/** Collects the examples below a reply, best first; returns whether an assistant speaks in this subtree. */
function walk(reply: Reply, above: readonly Message[], threads: ExampleBody[], preferences: ExampleBody[]): boolean {
  const thread = [...above, reply.message];
  const ranked = reply.replies.filter(({ message, rank }) => message.role === "assistant" && rank !== null);
  const best = ranked[0];
  for (const worse of ranked) {
    // With equal ranks or equal texts neither answer is better.
    if (!best || worse.rank === best.rank || worse.message.content === best.message.content) continue;
    preferences.push({ kind: "preference", prompt: thread, chosen: [best.message], rejected: [worse.message] });
  }
  const spoken = reply.replies.map((next) => walk(next, thread, threads, preferences)).some(Boolean);
  if (spoken || reply.message.role !== "assistant") return spoken;
  threads.push({ kind: "chat", messages: thread });
  return true;
}

interface FlatReply {
  readonly line: number;
  readonly id: string;
  readonly parent: string | null;
  /** The row's fields, without nested ones such as labels and emojis. */
  readonly row: Readonly<Record<string, Value>>;
  readonly replies: FlatReply[];
}

type Group = (batches: AsyncIterable<readonly DataRecord[]>) => AsyncGenerator<readonly DataRecord[]>;

/**
 * Joins the flat form (one message per row, with `message_id` and `parent_id`) into one record per tree, on its root's line;
 * null if the sample has another form. Rows without a way to a root, and rows of other kinds, become problems on their lines.
 * Replies may be anywhere in the file, so all are in memory: OASST2's 135,174 messages take about 200 MB. The generator throws
 * an error beyond `flatLimits`.
 */
export function groupFlatTrees(sample: readonly unknown[]): null | Group {
  const flat = sample.filter(isFlatReply).length;
  return flat > 0 && flat * 2 > sample.length ? group : null;
}

async function* group(batches: AsyncIterable<readonly DataRecord[]>): AsyncGenerator<readonly DataRecord[]> {
  const { replies, records } = await collect(batches);
  for (const reply of replies.values()) {
    if (reply.parent !== null) replies.get(reply.parent)?.replies.push(reply);
  }
  const depths = new Map<string, number>();
  let level = [...replies.values()].filter((reply) => reply.parent === null);
  const roots = level;
  for (let depth = 1; level.length > 0 && depth <= maxDepth; depth++) {
    for (const reply of level) depths.set(reply.id, depth);
    level = level.flatMap((reply) => reply.replies);
  }
  for (const root of roots) {
    records.push({
      line: root.line,
      value: { message_tree_id: root.row.message_tree_id ?? root.id, prompt: nest(root, 1) },
    });
  }
  const ends = threadEnds(replies, depths);
  for (const { line, id } of replies.values()) {
    const problem = ends.get(id);
    if (problem !== undefined) records.push({ line, problem });
  }
  records.sort((a, b) => a.line - b.line);
  for (let start = 0; start < records.length; start += 256) yield records.slice(start, start + 256);
}

async function collect(batches: AsyncIterable<readonly DataRecord[]>) {
  const replies = new Map<string, FlatReply>();
  const records: DataRecord[] = [];
  let characters = 0;
  for await (const batch of batches) {
    for (const record of batch) {
      if ("problem" in record) {
        records.push(record);
        continue;
      }
      const { line, value } = record;
      const id = isFlatReply(value) ? memberOf(value, "message_id") : null;
      if (!isFlatReply(value) || typeof id !== "string") {
        records.push({
          line,
          problem: "the row is not a reply with message_id, parent_id, text and role, unlike the rows around it",
        });
        continue;
      }
      const twin = replies.get(id);
      if (twin) {
        records.push({ line, problem: `message_id ${quote(id)} is already on line ${twin.line}` });
        continue;
      }
      const above = memberOf(value, "parent_id");
      const parent = typeof above === "string" && above !== "" ? above : null;
      const row = Object.fromEntries(entriesOf(value).filter(([, own]) => !isList(own) && !isObject(own)));
      replies.set(id, { line, id, parent, row, replies: [] });
      characters += textOf(row.text)?.length ?? 0;
      if (replies.size > flatLimits.messages || characters > flatLimits.characters) {
        throw new Error(
          `Line ${line}: the replies have more than ${flatLimits.messages} messages or ${flatLimits.characters} characters, the ` +
            "limit for joining them into trees in memory. Split the file by message_tree_id.",
        );
      }
    }
  }
  return { replies, records };
}

function nest(reply: FlatReply, depth: number): Row {
  const below = depth < maxDepth ? reply.replies.map((next) => nest(next, depth + 1)) : [];
  return { ...reply.row, replies: below };
}

/** The problems of replies without a way to a root, by id. */
function threadEnds(replies: ReadonlyMap<string, FlatReply>, depths: ReadonlyMap<string, number>): Map<string, string> {
  const ends = new Map<string, string>();
  for (const start of replies.values()) {
    const way = new Set<string>();
    let problem: string | undefined;
    for (let at: FlatReply | undefined = start; at && !depths.has(at.id); ) {
      problem = ends.get(at.id);
      if (problem !== undefined) break;
      if (way.has(at.id)) {
        problem = `its thread has no root: it contains a circle through message ${quote(at.id)}`;
        break;
      }
      way.add(at.id);
      const parent: string | null = at.parent;
      at = parent === null ? undefined : replies.get(parent);
      if (!at) problem = `its thread has no root: message ${quote(parent ?? "")} is not in the file`;
    }
    problem ??= way.size > 0 ? `its thread is more than ${maxDepth} replies deep` : undefined;
    if (problem !== undefined) for (const id of way) ends.set(id, problem);
  }
  return ends;
}
