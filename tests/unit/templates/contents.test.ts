/** Contents by message and by position. Oracle: a filter over all of them. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { type Found, indexContents } from "../../../src/templates/contents.ts";
import { cpuTime } from "../../support/cpuTime.ts";
import { cases } from "../../support/long.ts";
import { assistant, golden, tokenizerWith, user } from "./support.ts";

/** Consecutive spans, some of them empty. */
const spans = fc
  .array(fc.record({ gap: fc.nat(3), length: fc.nat(4), message: fc.option(fc.nat(5)) }), { maxLength: 20 })
  .map((pieces): Found[] => {
    let at = 0;
    return pieces.map(({ gap, length, message }) => {
      const start = at + gap;
      at = start + length;
      return { start, end: at, message, role: null };
    });
  });

test("finds the same as a filter over all", () => {
  fc.assert(
    fc.property(spans, fc.nat(60), fc.nat(20), fc.nat(5), (all, start, length, message) => {
      const contents = indexContents(all);
      const end = start + length;
      expect(contents.of(message)).toEqual(all.filter((found) => found.message === message));
      expect(contents.within({ start, end })).toEqual(all.filter((found) => found.start >= start && found.end <= end));
      expect(contents.overlap(start, end)).toBe(all.some((found) => found.start < end && found.end > start));
    }),
    { numRuns: cases(4000), seed: 14 },
  );
});

describe("long conversations", () => {
  const talk = (turns: number): Message[] =>
    Array.from({ length: turns }, (_, i) => (i % 2 ? assistant(`answer ${i}`) : user(`question ${i}`)));
  const tokenizer = tokenizerWith(["<|im_start|>", "<|im_end|>", "<|endoftext|>"]);

  test("of 3,000 messages whose answers are tagged", () => {
    const source = golden("chatml-generation");
    const template = createChatTemplate({ name: "tagged", source, tokenizer });
    const began = cpuTime();
    const { segments, proof } = template.render({ messages: talk(3000) });
    expect(cpuTime() - began).toBeLessThan(10_000);
    expect(proof).toBe("generation tags");
    expect(segments.filter(({ kind, answer }) => kind === "content" && answer)).toHaveLength(1500);
  });

  test("of 6,000 messages without tags are refused, and the way out is named", () => {
    const template = createChatTemplate({ name: "plain", source: golden("chatml"), tokenizer });
    const began = cpuTime();
    expect(() => template.render({ messages: talk(6000) })).toThrow(/more than 5 seconds.*\{% generation %\}/);
    expect(cpuTime() - began).toBeLessThan(10_000);
  });
});
