/** One row, or one check of a template, has five seconds for all its renderings. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Message } from "../../../src/records/example.ts";
import { createChatTemplate } from "../../../src/templates/chatTemplate.ts";
import { createTemplate, suggestTemplate } from "../../../src/templates/choose.ts";
import { createClock, OutOfTime } from "../../../src/templates/clock.ts";
import { assistant, failure, golden, tokenizerWith, user } from "./support.ts";

const tokenizer = tokenizerWith(["<|im_start|>", "<|im_end|>", "<|endoftext|>"]);

/** Milliseconds by which each reading of the clock advances it. */
let perReading = 0;
let now = 0;
beforeEach(() => {
  now = 1000;
  perReading = 0;
  vi.spyOn(performance, "now").mockImplementation(() => {
    now += perReading;
    return now;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const talk = (turns: number): Message[] =>
  Array.from({ length: turns }, (_, i) => (i % 2 ? assistant(`answer ${i}`) : user(`question ${i}`)));

describe("a clock", () => {
  test("ends after five seconds", () => {
    const clock = createClock();
    now += 5000;
    clock.check();
    now += 1;
    expect(failure(() => clock.check())).toBeInstanceOf(OutOfTime);
  });

  test("pulses four times a second while it is checked", () => {
    const pulse = vi.fn();
    const clock = createClock(pulse);
    for (let i = 0; i < 4000; i++) {
      now += 1;
      clock.check();
    }
    expect(pulse).toHaveBeenCalledTimes(16);
  });
});

describe("one time for all renderings", () => {
  const open = () => createChatTemplate({ name: "chatml", source: golden("chatml"), tokenizer });

  test("of a row", () => {
    const template = open();
    // A conversation of 80 messages is rendered about 80 times; no single rendering takes a second.
    perReading = 100;
    const { message } = failure(() => template.render({ messages: talk(80) }));
    expect(message).toMatch(/takes more than 5 seconds/);
    // The next row has a time of its own.
    perReading = 0;
    expect(template.render({ messages: talk(40) }).proof).toBe("prefixes");
  });

  test("of a check", () => {
    perReading = 1000;
    expect(failure(open).message).toMatch(/takes more than 5 seconds/);
    expect(
      failure(() => createTemplate({ kind: "custom", source: golden("qwen") }, { tokenizer, chatTemplate: null }))
        .message,
    ).toMatch(/takes more than 5 seconds/);
  });

  test("lexing and parsing count", () => {
    perReading = 1;
    const source = "{{ a }}\n".repeat(20_000);
    expect(failure(() => createChatTemplate({ name: "long", source, tokenizer }))).toBeInstanceOf(OutOfTime);
  });

  test("a template that is too slow to check is not suggested", () => {
    perReading = 1000;
    const pulse = vi.fn();
    const choice = suggestTemplate({ tokenizer, chatTemplate: golden("chatml") }, pulse);
    expect(choice).toEqual({ kind: "built-in", name: "chatml" });
    expect(pulse.mock.calls.length).toBeGreaterThan(2);
  });

  test("a row and a check both pulse", () => {
    perReading = 100;
    const pulse = vi.fn();
    const template = createChatTemplate({ name: "chatml", source: golden("chatml"), tokenizer, pulse });
    const checked = pulse.mock.calls.length;
    template.render({ messages: talk(10) }, { pulse });
    expect(checked).toBeGreaterThan(0);
    expect(pulse.mock.calls.length).toBeGreaterThan(checked);
  });
});
