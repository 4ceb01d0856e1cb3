/** Conversations of several sides. Oracle: the turns, read by eye. */

import { expect, test } from "vitest";
import { type AnswerFacts, keyOf, messagesFor, type Side, type Turn } from "../../../src/store/conversation.ts";

const answer = (text: string, change: Partial<AnswerFacts> = {}): AnswerFacts => ({
  requestId: "q",
  text,
  status: "done",
  figures: { finish: "stop", step: null, seconds: 1, read: 9, wrote: 2 },
  prompt: null,
  written: [],
  failure: null,
  ...change,
});
const cancelled = { figures: { finish: "cancelled" as const, step: null, seconds: 1, read: 9, wrote: 0 } };
const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 16, seed: 1 };
const turn = (question: string, answers: Turn["answers"]): Turn => ({ question, sampling, answers });

test("each side reads its own answers, and not the questions that it left unanswered", () => {
  const turns = [
    turn("One?", { base: answer("1"), tuned: answer("I") }),
    turn("Two?", { base: answer("", { status: "failed", figures: null }), tuned: answer("", cancelled) }),
    turn("Three?", { base: answer("par", cancelled), tuned: answer("") }),
  ];
  const contents = (side: "base" | "tuned" | "other") =>
    messagesFor(side, turns, "Four?").map(({ role, content }) => `${role}: ${content}`);
  expect(contents("base")).toEqual(["user: One?", "assistant: 1", "user: Three?", "assistant: par", "user: Four?"]);
  // An answer that the model itself ended at once is one.
  expect(contents("tuned")).toEqual(["user: One?", "assistant: I", "user: Three?", "assistant: ", "user: Four?"]);
  expect(contents("other")).toEqual(["user: Four?"]);
});

const side: Side = {
  name: "tuned",
  of: "a run",
  modelHash: "m",
  runId: "r",
  checkpoint: null,
  template: { kind: "built-in", name: "hone" },
  systemPrompt: null,
};

test.each<[string, Partial<Side>, boolean]>([
  ["a run's new name", { of: "renamed" }, true],
  ["another run", { runId: "s" }, false],
  ["another checkpoint", { checkpoint: 4 }, false],
  ["another template", { template: { kind: "model" } }, false],
  ["another system prompt", { systemPrompt: "Be kind." }, false],
])("%s: the same conversation or another", (_what, change, same) => {
  expect(keyOf([{ ...side, ...change }]) === keyOf([side])).toBe(same);
});
