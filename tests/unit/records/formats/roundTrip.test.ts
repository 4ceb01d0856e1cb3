/** Random conversations, written in each format, are read back equal. Oracle: the written conversation. */

import fc from "fast-check";
import { expect, test } from "vitest";
import type { Message } from "../../../../src/records/example.ts";
import { type Converted, createConverter, type ExampleBody } from "../../../../src/records/formats/convert.ts";
import { detectFormat } from "../../../../src/records/formats/detect.ts";
import type { FormatName, Mapping } from "../../../../src/records/formats/mapping.ts";
import { groupFlatTrees } from "../../../../src/records/formats/oasst.ts";
import type { DataRecord } from "../../../../src/records/read/record.ts";
import { cases } from "../../../support/long.ts";
import * as write from "../../../support/writeFormats.ts";

const runs = { seed: 31, numRuns: cases(2000) };

/** Detects the format of one row, and reads it by that format and as a row of a mixed file. */
function readBack(row: unknown, format: FormatName): readonly ExampleBody[] {
  const { mapping } = detectFormat([row]);
  expect(mapping.format).toBe(format);
  const converted = createConverter(mapping)(row);
  expect(createConverter({ format: "mixed", columns: {} })(row)).toEqual(converted);
  return examplesOf(converted);
}

function examplesOf(converted: Converted): readonly ExampleBody[] {
  if ("problem" in converted) throw new Error(converted.problem);
  return converted.examples;
}

const chat = (messages: readonly (Message | null)[], more = {}) => [
  { kind: "chat", messages: messages.filter((message) => message !== null), ...more },
];

test("Alpaca", () => {
  fc.assert(
    fc.property(write.dialogue, write.spelling, (dialogue, way) => {
      const found = readBack(write.alpacaRow(dialogue, way), "alpaca");
      expect(found).toEqual(chat([dialogue.system, ...dialogue.turns]));
    }),
    runs,
  );
});

test("Dolly", () => {
  fc.assert(
    fc.property(write.pair, write.spelling, (pair, way) => {
      const found = readBack(write.dollyRow(pair, way), "dolly");
      expect(found).toEqual(chat([pair.question, pair.answer], { category: "closed_qa" }));
    }),
    runs,
  );
});

test("FLAN", () => {
  fc.assert(
    fc.property(write.pair, write.spelling, (pair, way) => {
      const found = readBack(write.flanRow(pair, way), "flan");
      expect(found).toEqual(chat([pair.question, pair.answer], { category: "wmt14/fr-en:1.0.0" }));
    }),
    runs,
  );
});

test("ShareGPT, turns in any order, tool calls, lists as text", () => {
  fc.assert(
    fc.property(write.anyShareGpt, write.spelling, (messages, way) => {
      expect(readBack(write.shareGptRow(messages, way), "sharegpt")).toEqual(chat(messages));
    }),
    runs,
  );
});

test("OpenAI chat with weights, parts, tool calls, names, fields, structured results and exact numbers", () => {
  fc.assert(
    fc.property(write.anyChat, write.spelling, (messages, way) => {
      const expected = chat(messages.map((message) => write.asRead(message, way)));
      expect(readBack(write.openAiRow(messages, way), "openai")).toEqual(expected);
    }),
    runs,
  );
});

test("TRL prompt and completion: only the completion is supervised", () => {
  fc.assert(
    fc.property(write.dialogue, write.spelling, ({ system, turns }, way) => {
      const messages = system ? [system, ...turns] : turns;
      const found = readBack(write.trlRow(messages, way), "trl");
      const context = turns.slice(0, -1).map((m) => (m.role === "assistant" ? { ...m, weight: 0 } : m));
      expect(found).toEqual(chat([system, ...context, ...turns.slice(-1)]));
    }),
    runs,
  );
});

test("preference in six forms", () => {
  fc.assert(
    fc.property(write.preference, write.spelling, (preference, way) => {
      const found = readBack(write.preferenceRow(preference, way), "preference");
      const { prompt, chosen, rejected } = preference;
      expect(found).toEqual([{ kind: "preference", prompt, chosen: [chosen], rejected: [rejected] }]);
    }),
    runs,
  );
});

test("plain text, as a string and as a column", () => {
  fc.assert(
    fc.property(write.written, fc.boolean(), (text, asRow) => {
      expect(readBack(asRow ? { text, id: 7 } : text, "text")).toEqual([{ kind: "text", text }]);
    }),
    runs,
  );
});

test("tables with any column names, by the user's mapping", () => {
  fc.assert(
    fc.property(write.table, ({ row, mapping, messages }) => {
      expect(examplesOf(createConverter(mapping)(row))).toEqual(chat(messages));
      for (const format of ["alpaca", "dolly"] as const) {
        expect(examplesOf(createConverter({ ...mapping, format })(row))).toEqual(chat(messages));
      }
    }),
    runs,
  );
});

interface Thread {
  readonly texts: string[];
  readonly ranks: number[];
}

/** Oracle of threads: every path from the root to an assistant without another assistant below. */
function threadsOf(root: write.TreeNode): Thread[] {
  const answersBelow = (node: write.TreeNode): boolean =>
    node.replies.some((next) => next.role === "assistant" || answersBelow(next));
  const below = (node: write.TreeNode, texts: string[], ranks: number[]): Thread[] => {
    const here = { texts: [...texts, node.text], ranks: [...ranks, node.rank ?? 99] };
    const own = node.role === "assistant" && !answersBelow(node) ? [here] : [];
    return [...own, ...node.replies.flatMap((next) => below(next, here.texts, here.ranks))];
  };
  // Best first: ordered by the ranks on the path, from the root.
  return below(root, [], []).sort((a, b) => {
    const i = a.ranks.findIndex((rank, index) => rank !== b.ranks[index]);
    return i < 0 ? 0 : (a.ranks[i] ?? 0) - (b.ranks[i] ?? 0);
  });
}

/** Text pairs (better, worse): the best ranked answer to a prompt with each answer of lower rank and other text. */
function preferencesOf(node: write.TreeNode): string[] {
  const ranked = node.replies.filter(({ role, rank }) => role === "assistant" && rank !== null);
  const top = Math.min(...ranked.map(({ rank }) => rank ?? 0));
  const best = ranked.find(({ rank }) => rank === top);
  const own = ranked
    .filter(({ rank, text }) => rank !== top && text !== best?.text)
    .map(({ text }) => JSON.stringify([best?.text, text]));
  return [...own, ...node.replies.flatMap(preferencesOf)];
}

function expectTree(examples: readonly ExampleBody[], root: write.TreeNode) {
  const contents = (messages: readonly Message[]) => messages.map(({ content }) => content);
  const chats = examples.flatMap((example) => (example.kind === "chat" ? [contents(example.messages)] : []));
  const threads = threadsOf(root);
  // Siblings of equal rank have the file's order: compare sets, and expect ascending ranks.
  expect([...chats].sort()).toEqual(threads.map(({ texts }) => texts).sort());
  const pairs = examples.flatMap((example) =>
    example.kind === "preference" ? [JSON.stringify([...contents(example.chosen), ...contents(example.rejected)])] : [],
  );
  expect(pairs.sort()).toEqual(preferencesOf(root).sort());
}

test("OASST trees: threads and preferences", () => {
  fc.assert(
    fc.property(write.tree, write.spelling, (root, way) => {
      const row = write.oasstTreeRow(root, way);
      const converted = createConverter(detectFormat([row]).mapping)(row);
      if (threadsOf(root).length === 0) expect(converted).toEqual({ problem: expect.stringMatching(/^no response/) });
      else expectTree(examplesOf(converted), root);
    }),
    runs,
  );
});

test("OASST trees with distinct ranks: threads come best first", () => {
  const ranked = write.tree.map((root) => {
    const spread = (node: write.TreeNode): write.TreeNode => {
      const count = node.replies.length;
      // Ranks 1, 2, …, the best in the middle or at the end, and one unranked reply.
      const rankOf = (index: number) => (index === 1 ? null : (index * 2 + count) % (count + 2));
      return { ...node, replies: node.replies.map((next, index) => ({ ...spread(next), rank: rankOf(index) })) };
    };
    return spread(root);
  });
  fc.assert(
    fc.property(ranked, (root) => {
      const threads = threadsOf(root);
      fc.pre(threads.length > 0);
      const row = write.oasstTreeRow(root, 0);
      const examples = examplesOf(createConverter(detectFormat([row]).mapping)(row));
      const found = examples.flatMap((e) => (e.kind === "chat" ? [e.messages.map(({ content }) => content)] : []));
      expect(found).toEqual(threads.map(({ texts }) => texts));
    }),
    runs,
  );
});

test("OASST messages in any order become their original trees", async () => {
  const forest = fc.array(write.tree, { minLength: 1, maxLength: 3 }).chain((trees) => {
    const rows = trees.flatMap((root, index) =>
      write.oasstFlatRows(root).map((row) => ({
        ...row,
        message_id: `${index}/${row.message_id}`,
        parent_id: row.parent_id === null ? null : `${index}/${row.parent_id}`,
      })),
    );
    return fc.record({
      trees: fc.constant(trees),
      rows: fc.shuffledSubarray(rows, { minLength: rows.length, maxLength: rows.length }),
    });
  });
  await fc.assert(
    fc.asyncProperty(forest, fc.integer({ min: 1, max: 9 }), async ({ trees, rows }, size) => {
      const group = groupFlatTrees(rows);
      if (!group) throw new Error("not taken for the flat form");
      const mapping = detectFormat(rows).mapping;
      const found: DataRecord[] = [];
      for await (const batch of group(inBatches(rows, size))) found.push(...batch);
      expect(found).toHaveLength(trees.length);
      const lines = found.map(({ line }) => line);
      expect(lines).toEqual([...lines].sort((a, b) => a - b));
      for (const record of found) {
        if ("problem" in record) throw new Error(record.problem);
        const [index] = String(rows[record.line - 1]?.message_id).split("/");
        const root = trees[Number(index)];
        if (!root) throw new Error(`no tree ${index}`);
        // Siblings of equal rank have the shuffled order: compare only the order by rank.
        const answers = createConverter(mapping)(record.value);
        const chats = "examples" in answers ? answers.examples.filter(({ kind }) => kind === "chat").length : 0;
        expect(chats).toBe(threadsOf(root).length);
        expect(textsIn(record.value).sort()).toEqual(
          write
            .oasstFlatRows(root)
            .map(({ text }) => text)
            .sort(),
        );
      }
    }),
    runs,
  );
});

/** Every text of a tree record. */
function textsIn(value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, own]) => (key === "text" ? [own] : textsIn(own)));
}

async function* inBatches(rows: readonly unknown[], size: number): AsyncGenerator<readonly DataRecord[]> {
  for (let start = 0; start < rows.length; start += size) {
    yield rows.slice(start, start + size).map((value, index) => ({ line: start + index + 1, value }));
  }
}

const names: readonly FormatName[] = [
  ...(["alpaca", "dolly", "sharegpt", "openai", "trl", "flan", "oasst", "preference", "text", "columns"] as const),
  "mixed",
];
const fieldNames = [
  ...[
    "instruction",
    "input",
    "output",
    "response",
    "context",
    "category",
    "conversations",
    "messages",
    "from",
    "value",
  ],
  ...["role", "content", "prompt", "completion", "text", "replies", "rank", "chosen", "rejected", "inputs", "targets"],
  ...["history", "tools", "tool_calls", "function", "arguments", "name", "weight", "split", "parent_id", "message_id"],
  ...["system", "preferred_output", "non_preferred_output", "type", "__proto__", "constructor", "toString", "length"],
];

test("any value with any mapping returns examples or a problem, and never throws", () => {
  const leaf = fc.oneof(
    write.written,
    fc.constantFrom(
      "",
      "user",
      "gpt",
      "assistant",
      "system",
      "prompter",
      "text",
      "[",
      "[{}]",
      '{"messages":[]}',
      "train",
    ),
    fc.constantFrom<unknown>(null, undefined, 0, -1, 1, Number.NaN, Number.POSITIVE_INFINITY, true, 7n),
  );
  const value = fc.letrec<{ any: unknown }>((tie) => ({
    any: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.array(tie("any"), { maxLength: 4 }),
      fc.dictionary(fc.oneof(fc.constantFrom(...fieldNames), fc.string({ maxLength: 3 })), tie("any"), { maxKeys: 6 }),
    ),
  })).any;
  const garbage = fc.oneof(value, fc.anything({ withBigInt: true, withNullPrototype: true, withSparseArray: true }));
  const roles = ["system", "instruction", "input", "response", "history", "messages", "tools", "prompt"] as const;
  const more = ["chosen", "rejected", "text", "category", "split", "weight"] as const;
  const mapping: fc.Arbitrary<Mapping> = fc.record({
    format: fc.constantFrom(...names),
    columns: fc.dictionary(fc.constantFrom(...roles, ...more), fc.constantFrom(...fieldNames), { maxKeys: 8 }),
  });
  fc.assert(
    fc.property(fc.array(garbage, { minLength: 1, maxLength: 4 }), mapping, (values, chosen) => {
      const detection = detectFormat(values);
      expect(detection.reason).toMatch(/\.$/);
      for (const used of [chosen, detection.mapping, ...detection.alternatives]) {
        const convert = createConverter(used);
        for (const row of values) {
          const converted = convert(row);
          if ("problem" in converted) expect(converted.problem).not.toBe("");
          else checkExamples(converted.examples);
        }
      }
    }),
    { seed: 32, numRuns: cases(5000) },
  );
});

/** The guarantees for later steps. */
function checkExamples(examples: readonly ExampleBody[]) {
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) {
    if (example.kind === "text") {
      expect(example.text.trim()).not.toBe("");
      continue;
    }
    const messages = example.kind === "chat" ? example.messages : [...example.prompt, ...example.chosen];
    expect(messages.some(({ role }) => role === "assistant")).toBe(true);
    expect(messages.slice(1).some(({ role }) => role === "system")).toBe(false);
    for (const message of messages) {
      expect(["system", "user", "assistant", "tool"]).toContain(message.role);
      const mayBeEmpty = message.role === "tool" || message.toolCalls || message.fields;
      if (!mayBeEmpty) expect(message.content.trim()).not.toBe("");
      if (message.parts) expect(message.parts.map(({ text }) => text).join("")).toBe(message.content);
      if (message.weight !== undefined) expect(message.weight >= 0 && Number.isFinite(message.weight)).toBe(true);
    }
  }
}
