/** What lights up together in the preview. Oracle: a conversation small enough to be counted by hand. */

import { expect, test } from "vitest";
import { type Link, linksOf } from "../../../src/ui/preview/links.ts";
import type { PreviewExample } from "../../../src/ui/preview/roles.ts";
import { linkName, tokenName } from "../../../src/ui/preview/tokenName.ts";

/** `<U>Hi all<A>Yes.<E>`; the token `.<E` lies over the border of the answer and its mark. */
const plain = { structured: null, reasoning: null, toolCalls: [], tool: null, fields: [], dropped: [] };
const example: PreviewExample = {
  messages: [
    { role: "user", content: "Hi all", weight: 0, ...plain },
    { role: "assistant", content: "Yes.", weight: 1, ...plain },
  ],
  tools: [],
  text: "<U>Hi all<A>Yes.<E>",
  spans: [
    { start: 0, end: 3, role: "user", message: 0, kind: "control", supervised: false },
    { start: 3, end: 9, role: "user", message: 0, kind: "content", supervised: false },
    { start: 9, end: 12, role: "assistant", message: 1, kind: "control", supervised: false },
    { start: 12, end: 16, role: "assistant", message: 1, kind: "content", supervised: true },
    { start: 16, end: 19, role: "assistant", message: 1, kind: "control", supervised: true },
  ],
  tokens: [
    ["<U>", 0, 3, 0],
    ["Hi", 3, 5, 0],
    [" all", 5, 9, 0],
    ["<A>", 9, 12, 0],
    ["Yes", 12, 15, 1],
    [".<E", 15, 18, 0],
    [">", 18, 19, 1],
  ].map(([text, start, end, weight], id) => ({
    id,
    text: String(text),
    start: Number(start),
    end: Number(end),
    weight: Number(weight),
    straddles: id === 5,
    cut: id === 6,
  })),
  proof: "structure",
  supervised: 2,
  lost: 1,
  problem: null,
};
const links = linksOf(example);
const linked = (link: Link) => example.tokens.flatMap((_, token) => (links.isTokenLinked(token, link) ? [token] : []));
const spansOf = (link: Link) => example.spans.flatMap((_, span) => (links.isSpanLinked(span, link) ? [span] : []));

test.each([
  [{ kind: "message", index: 0 }, [0, 1, 2], [0, 1], 0],
  [{ kind: "message", index: 1 }, [3, 4, 5, 6], [2, 3, 4], 1],
  [{ kind: "span", index: 1 }, [1, 2], [1], 0],
  // A token over a border belongs to both sides.
  [{ kind: "span", index: 3 }, [4, 5], [3], 1],
  [{ kind: "span", index: 4 }, [5, 6], [4], 1],
  [{ kind: "token", index: 5 }, [5], [3, 4], 1],
  [{ kind: "token", index: 2 }, [2], [1], 0],
] as const)("%j", (link, tokens, spans, message) => {
  expect(linked(link)).toEqual(tokens);
  expect(spansOf(link)).toEqual(spans);
  expect(links.messageOf(link)).toBe(message);
  expect(links.firstToken(link)).toBe(tokens[0]);
});

test("a token's place in the message is told only where the rendered content is the message", () => {
  expect(links.rangeInMessage(0, { kind: "token", index: 2 })).toEqual({ start: 2, end: 6 });
  expect(links.rangeInMessage(1, { kind: "token", index: 5 })).toEqual({ start: 3, end: 4 });
  const [user, answer] = example.messages;
  if (!user || !answer) throw new Error("The example has two messages.");
  const trimmed = linksOf({ ...example, messages: [{ ...user, content: "Hi all  " }, answer] });
  expect(trimmed.rangeInMessage(0, { kind: "token", index: 2 })).toBeNull();
});

test("names say what colour says", () => {
  expect(tokenName(links, 4)).toBe("token 5: 'Yes', id 4, assistant, weight 1");
  expect(tokenName(links, 0)).toBe("token 1: '<U>', id 0, template, weight 0");
  expect(tokenName(links, 5)).toMatch(/across a mask boundary, not supervised$/);
  expect(tokenName(links, 6)).toMatch(/truncated$/);
  expect(linkName(links, { kind: "message", index: 0 })).toBe("message 1: 3 tokens with template marks, context");
});

test("every token stands in exactly one line, whatever the text", () => {
  const tokens = Array.from({ length: 10_000 }, (_, id) => ({
    id,
    text: id % 97 === 0 ? "\n" : id % 3 === 0 ? " a" : "b",
    start: id,
    end: id + 1,
    weight: 0,
    straddles: false,
    cut: false,
  }));
  const { lines, lineOf } = linksOf({ ...example, tokens });
  expect(lines.flatMap(([first, end]) => tokens.slice(first, end))).toEqual(tokens);
  expect(Math.max(...lines.map(([first, end]) => end - first))).toBeLessThanOrEqual(72);
  for (const token of [0, 1, 96, 97, 98, 5000, 9999]) {
    const [first = -1, end = -1] = lines[lineOf(token)] ?? [];
    expect(token).toBeGreaterThanOrEqual(first);
    expect(token).toBeLessThan(end);
  }
});
