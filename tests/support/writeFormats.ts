/** Random conversations, and writers for the rows of each format; a converter must read the same conversation back. */

import fc from "fast-check";
import type { Message, ToolCall } from "../../src/records/example.ts";
import type { ColumnRole, Mapping } from "../../src/records/formats/mapping.ts";
import { ExactNumber, type Value } from "../../src/records/value.ts";
import { writeJson } from "../../src/records/writeJson.ts";

/** Text with white space at its ends, line breaks, control tokens and characters of all Unicode planes; not only white space. */
export const written: fc.Arbitrary<string> = fc
  .oneof(
    fc.string({ unit: "binary", maxLength: 12 }),
    fc.string({ unit: "grapheme", maxLength: 12 }),
    fc
      .array(fc.constantFrom(" ", "\n", "\r\n", "\t", "<|im_end|>", '"', "\\", "{", "[", "é", "word", "\u0000"), {
        maxLength: 6,
      })
      .map((pieces) => pieces.join("")),
  )
  .filter((text) => text.trim() !== "");

const weight = fc.constantFrom(0, 0.25, 1, 2);
const user = written.map((content): Message => ({ role: "user", content }));
const assistant = written.map((content): Message => ({ role: "assistant", content }));
const system = fc.option(written.map((content): Message => ({ role: "system", content })));

export interface Pair {
  readonly system: Message | null;
  readonly question: Message;
  readonly answer: Message;
}

/** One prompt and its answer. */
export const pair: fc.Arbitrary<Pair> = fc.record({ system, question: user, answer: assistant });

/** Alternating turns, from the user's first to an answer at the end. */
export const dialogue: fc.Arbitrary<{ system: Message | null; turns: Message[] }> = fc.record({
  system,
  turns: fc.array(fc.tuple(user, assistant), { minLength: 1, maxLength: 3 }).map((pairs) => pairs.flat()),
});

/** Numbers whose text a JavaScript number would lose. */
const exactNumber = fc
  .constantFrom("12.0", "0.10", "1e-7", "1E5", "-0.0", "9007199254740993", "18446744073709551615")
  .map((text) => new ExactNumber(text));

const leaf = fc.oneof(written, fc.integer(), fc.boolean(), exactNumber);
const word = fc.stringMatching(/^[a-z]{1,5}$/);

/** JSON without null members: numbers of every kind, lists with null, and keys in an order that an object would change. */
const anyValue: fc.Arbitrary<Value> = fc.oneof(
  leaf,
  fc.array(fc.oneof(leaf, fc.constant(null)), { maxLength: 3 }),
  fc.dictionary(word, leaf, { maxKeys: 2 }),
  fc.constant(
    new Map<string, Value>([
      ["b", 1],
      ["2", new ExactNumber("2.0")],
      ["1", "one"],
    ]),
  ),
);

function argumentsOf(): fc.Arbitrary<Value> {
  return fc.dictionary(word, anyValue, { maxKeys: 3 });
}

const toolCall: fc.Arbitrary<ToolCall> = fc.record(
  { id: fc.stringMatching(/^call_[a-z0-9]{3}$/), name: fc.stringMatching(/^[a-z_]{1,8}$/), arguments: argumentsOf() },
  { requiredKeys: ["name", "arguments"] },
);

/** Fields of a message beside role and content. */
const moreFields = fc.dictionary(fc.constantFrom("task", "score", "meta", "turn_id"), anyValue, {
  minKeys: 1,
  maxKeys: 2,
});
const reasoning = fc
  .tuple(fc.constantFrom("reasoning_content", "reasoning", "thinking"), written)
  .map(([name, text]): Record<string, Value> => ({ [name]: text }));

const weighedAnswer: fc.Arbitrary<Message> = fc.oneof(
  assistant,
  fc.tuple(assistant, weight).map(([message, own]): Message => ({ ...message, weight: own })),
  fc
    .array(fc.record({ text: written, weight }, { requiredKeys: ["text"] }), { minLength: 1, maxLength: 3 })
    .filter((parts) => parts.some((part) => part.weight !== undefined))
    .map((parts): Message => ({ role: "assistant", content: parts.map((part) => part.text).join(""), parts })),
  fc
    .tuple(fc.option(written), fc.array(toolCall, { minLength: 1, maxLength: 2 }))
    .map(([content, toolCalls]): Message => ({ role: "assistant", content: content ?? "", toolCalls })),
  fc
    .tuple(fc.option(written), reasoning)
    .map(([content, fields]): Message => ({ role: "assistant", content: content ?? "", fields })),
  fc.tuple(assistant, moreFields).map(([message, fields]): Message => ({ ...message, fields })),
);

/** The list or object of a tool's result; a list of texts is no list of parts. */
const structuredResult = fc.oneof(
  fc.array(leaf, { maxLength: 3 }),
  fc.dictionary(word, anyValue, { maxKeys: 3 }).map((value): Value => value),
);

const toolAnswer: fc.Arbitrary<Message> = fc
  .tuple(
    fc.oneof(
      written.map((content) => ({ content })),
      fc.constant({ content: "" }),
      structuredResult.map((structured) => ({ content: writeJson(structured), structured })),
    ),
    fc.record(
      { toolCallId: fc.stringMatching(/^[a-z0-9]{1,6}$/), name: fc.constantFrom("search", "add") },
      { requiredKeys: [] },
    ),
  )
  .map(([result, more]): Message => ({ role: "tool", ...result, ...more }));

/** Any allowed order of turns in a chat, with weights, parts, calls, tools and fields, and at least one answer. */
export const anyChat: fc.Arbitrary<Message[]> = fc
  .tuple(system, fc.array(fc.oneof(user, weighedAnswer, toolAnswer), { maxLength: 5 }), weighedAnswer, fc.nat(5))
  .map(([first, turns, answer, place]) => {
    const all = [...turns];
    all.splice(place, 0, answer);
    return first ? [first, ...all] : all;
  });

/** Turns that ShareGPT can express: no weights, names or ids; a call is a separate turn. */
export const anyShareGpt: fc.Arbitrary<Message[]> = fc
  .tuple(
    system,
    fc.array(
      fc.oneof(
        user,
        assistant,
        written.map((content): Message => ({ role: "tool", content })),
        fc
          .array(
            toolCall.map(({ name, arguments: given }): ToolCall => ({ name, arguments: given })),
            { minLength: 1, maxLength: 2 },
          )
          .map((toolCalls): Message => ({ role: "assistant", content: "", toolCalls })),
      ),
      { maxLength: 5 },
    ),
    assistant,
  )
  .map(([first, turns, answer]) => [...(first ? [first] : []), ...turns, answer]);

/** A writer's choice where a format allows several spellings. */
export const spelling: fc.Arbitrary<number> = fc.nat(23);

/** A table cell; `asJson` writes lists as text. */
const cell = (value: unknown, asJson: boolean) => (asJson ? writeJson(value) : value);

export function alpacaRow({ system: first, turns }: { system: Message | null; turns: Message[] }, way: number) {
  const question = turns.at(-2)?.content ?? "";
  const history = turns.slice(0, -2).reduce<string[][]>((pairs, { content }, index) => {
    if (index % 2 === 0) pairs.push([content]);
    else pairs.at(-1)?.push(content);
    return pairs;
  }, []);
  const cut = question.indexOf("\n");
  const inTwo = way % 2 === 0 && cut > 0 && cut < question.length - 1;
  return {
    instruction: inTwo ? question.slice(0, cut) : question,
    input: inTwo ? question.slice(cut + 1) : "",
    output: turns.at(-1)?.content,
    ...((first || way % 3 === 0) && { system: first?.content ?? (way % 2 === 0 ? "" : null) }),
    ...((history.length > 0 || way % 5 === 0) && { history: cell(history, way % 4 > 1) }),
  };
}

export function dollyRow({ question, answer }: Pair, way: number) {
  return {
    instruction: question.content,
    context: way % 2 === 0 ? "" : null,
    response: answer.content,
    category: "closed_qa",
  };
}

export function flanRow({ question, answer }: Pair, way: number) {
  return { inputs: question.content, targets: answer.content, [way % 2 ? "task" : "task_name"]: "wmt14/fr-en:1.0.0" };
}

export function shareGptRow(messages: readonly Message[], way: number) {
  const [first] = messages;
  const apart = way % 2 === 1 && first?.role === "system";
  const names = {
    system: "system",
    user: ["human", "user", "Human"][way % 3],
    assistant: ["gpt", "assistant", "chatgpt", "bing"][way % 4],
    tool: ["observation", "tool"][way % 2],
  };
  const conversations = (apart ? messages.slice(1) : messages).map(({ role, content, toolCalls }) => {
    if (!toolCalls) return { from: names[role], value: content };
    return {
      from: "function_call",
      value: writeJson(toolCalls.length === 1 && way % 3 ? toolCalls[0] : toolCalls),
    };
  });
  return { conversations: cell(conversations, way % 5 === 4), ...(apart && { system: first.content }) };
}

export function openAiRow(messages: readonly Message[], way: number) {
  return {
    messages: cell(
      messages.map((message) => openAiMessage(message, way)),
      way % 7 === 6,
    ),
  };
}

export function openAiMessage(message: Message, way: number): Record<string, unknown> {
  const { role, content, parts, toolCalls, toolCallId, name, structured, fields } = message;
  const asParts = way % 3 === 0 && content !== "";
  const body = structured
    ? structured
    : parts
      ? parts.map(({ text, weight: own }) => ({
          type: "text",
          [way % 2 ? "text" : "value"]: text,
          ...(own !== undefined && weightAs(own, way)),
        }))
      : asParts
        ? [{ type: "text", text: content }]
        : content === ""
          ? null
          : content;
  return {
    role: role === "system" && way % 4 === 3 ? "developer" : role,
    content: body,
    ...(message.weight !== undefined && weightAs(message.weight, way)),
    ...(name !== undefined && { name }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...fields,
    ...(way % 5 === 2 && { name: name ?? null, audio: null, tool_calls: null }),
    ...(toolCalls && {
      tool_calls: toolCalls.map((call) => ({
        ...standardCall(call, way % 2 ? writeJson(call.arguments) : call.arguments),
        ...(way % 5 === 3 && { index: null }),
      })),
    }),
  };
}

const standardCall = ({ id, name }: ToolCall, given: Value) => ({
  ...(id !== undefined && { id }),
  type: "function",
  function: { name, arguments: given },
});

/** The message that `openAiMessage` writes, as it is read: with the file's fields and whole calls. */
export function asRead(message: Message, way: number): Message {
  const { content, weight: own, name, toolCallId, toolCalls, structured } = message;
  const fields = {
    ...(own !== undefined && weightAs(own, way)),
    ...(name !== undefined && { name }),
    ...(toolCallId !== undefined && { tool_call_id: toolCallId }),
    ...message.fields,
  };
  return {
    ...message,
    ...(content === "" && structured === undefined && { structured: null }),
    ...(Object.keys(fields).length > 0 && { fields }),
    ...(toolCalls && {
      toolCalls: toolCalls.map((call) => ({ ...call, whole: standardCall(call, call.arguments) })),
    }),
  };
}

function weightAs(own: number, way: number): Record<string, Value> {
  if (way % 3 === 1 && (own === 0 || own === 1)) return { train: own === 1 };
  return way % 3 === 2 ? { loss_weight: own } : { weight: own };
}

/** Prompt and completion; as plain texts when both are single turns. */
export function trlRow(messages: readonly Message[], way: number) {
  const prompt = messages.slice(0, -1);
  const completion = messages.slice(-1);
  const asText = way % 2 === 0 && prompt.length === 1;
  const asJson = way % 3 === 2;
  return {
    prompt: asText
      ? prompt[0]?.content
      : cell(
          prompt.map((message) => openAiMessage(message, way)),
          asJson,
        ),
    completion:
      way % 4 < 2
        ? completion[0]?.content
        : cell(
            completion.map((m) => openAiMessage(m, way)),
            asJson,
          ),
  };
}

export interface Preference {
  readonly prompt: readonly Message[];
  readonly chosen: Message;
  readonly rejected: Message;
}

/** Two different answers to a prompt. */
export const preference: fc.Arbitrary<Preference> = fc
  .tuple(dialogue, user, assistant, assistant)
  .filter(([, , chosen, rejected]) => chosen.content !== rejected.content)
  .map(([{ system: first, turns }, question, chosen, rejected]) => ({
    prompt: [...(first ? [first] : []), ...turns, question],
    chosen,
    rejected,
  }));

export function preferenceRow({ prompt, chosen, rejected }: Preference, way: number): Record<string, unknown> {
  const plain = (messages: readonly Message[]) => messages.map(({ role, content }) => ({ role, content }));
  const said = ({ role, content }: Message) => ({
    from: role === "user" ? "human" : role === "assistant" ? "gpt" : role,
    value: content,
  });
  const asJson = way % 2 === 1;
  const ways = [
    () => ({ prompt: cell(plain(prompt), asJson), chosen: chosen.content, rejected: rejected.content }),
    () => ({ prompt: plain(prompt), chosen: cell(plain([chosen]), asJson), rejected: cell(plain([rejected]), asJson) }),
    () => ({ chosen: cell(plain([...prompt, chosen]), asJson), rejected: cell(plain([...prompt, rejected]), asJson) }),
    () => ({
      prompt: prompt.at(-1)?.content,
      chosen: plain([...prompt, chosen]),
      rejected: plain([...prompt, rejected]),
    }),
    () => ({ conversations: cell(prompt.map(said), asJson), chosen: said(chosen), rejected: said(rejected) }),
    () => ({
      input: cell({ messages: plain(prompt), tools: [], parallel_tool_calls: true }, asJson),
      preferred_output: plain([chosen]),
      non_preferred_output: plain([rejected]),
    }),
  ];
  return ways[way % ways.length]?.() ?? {};
}

export interface TreeNode {
  readonly id: string;
  readonly text: string;
  readonly role: "prompter" | "assistant";
  readonly rank: number | null;
  readonly replies: readonly TreeNode[];
}

interface BareNode {
  readonly text: string;
  readonly rank: number | null;
  readonly replies: readonly BareNode[];
}

const bareTree = fc.letrec<{ node: BareNode }>((tie) => ({
  node: fc.record({
    text: written,
    rank: fc.option(fc.nat(4)),
    replies: fc.oneof({ maxDepth: 4 }, fc.constant([]), fc.array(tie("node"), { minLength: 1, maxLength: 3 })),
  }),
})).node;

/** Trees with alternating roles, and ranked and unranked replies in any order. */
export const tree: fc.Arbitrary<TreeNode> = bareTree.map((root) => {
  let count = 0;
  const named = ({ text, rank, replies }: BareNode, depth: number): TreeNode => ({
    id: `m${count++}`,
    text,
    role: depth % 2 ? "assistant" : "prompter",
    rank: depth === 0 ? null : rank,
    replies: replies.map((next) => named(next, depth + 1)),
  });
  return named(root, 0);
});

export function oasstTreeRow(root: TreeNode, way: number) {
  const nested = ({ id, replies, ...rest }: TreeNode): Record<string, unknown> => ({
    message_id: id,
    ...rest,
    replies: replies.map(nested),
  });
  return { message_tree_id: root.id, tree_state: "ready_for_export", prompt: cell(nested(root), way % 3 === 2) };
}

export function oasstFlatRows(root: TreeNode): Record<string, unknown>[] {
  const flat = (node: TreeNode, parent: string | null): Record<string, unknown>[] => [
    {
      message_id: node.id,
      parent_id: parent,
      message_tree_id: root.id,
      text: node.text,
      role: node.role,
      rank: node.rank,
    },
    ...node.replies.flatMap((next) => flat(next, node.id)),
  ];
  return flat(root, null);
}

/** A table with arbitrary column names, and the mapping of its columns. */
export const table: fc.Arbitrary<{ row: Record<string, string>; mapping: Mapping; messages: Message[] }> = fc
  .tuple(
    pair,
    fc.uniqueArray(fc.string({ minLength: 1, maxLength: 8 }), { minLength: 4, maxLength: 4 }),
    fc.option(written),
  )
  .map(([{ system: first, question, answer }, names, unused]) => {
    const columns: Partial<Record<ColumnRole, string>> = {};
    const cells: [string, string][] = [];
    const give = (role: ColumnRole | null, value: string) => {
      const name = names[cells.length] ?? "";
      cells.push([name, value]);
      if (role) columns[role] = name;
    };
    give("response", answer.content);
    give(null, unused ?? "");
    if (first) give("system", first.content);
    give("instruction", question.content);
    return {
      row: Object.fromEntries(cells),
      mapping: { format: "columns", columns },
      messages: [...(first ? [first] : []), question, answer],
    };
  });
