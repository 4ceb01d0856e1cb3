/** Conversations across reloads. Oracle: what was written by hand, and a storage that is a Map with a limit. */

import { expect, test } from "vitest";
import type { AnswerFacts, Conversation } from "../../../src/store/conversation.ts";
import { createHistory, mostConversations, newestFirst, parseConversations } from "../../../src/store/history.ts";

const answer: AnswerFacts = {
  requestId: "question-1",
  text: "Yes.",
  status: "done",
  figures: { finish: "stop", step: 12, seconds: 0.4, read: 1, wrote: 1 },
  prompt: {
    text: "Why?",
    stretches: [{ end: 4, role: "user" }],
    tokens: [{ id: 7, text: "Why?", special: false, role: "user" }],
  },
  written: [{ id: 8, text: "Yes.", special: false }],
  failure: null,
};
const sampling = { temperature: 0, topK: null, topP: null, maxTokens: 16, seed: 1 };
const conversation = (number: number, change: Partial<AnswerFacts> = {}): Conversation => ({
  id: `c${number}`,
  startedAt: new Date(Date.UTC(2026, 2, 1, 10, number)).toISOString(),
  key: "k",
  sides: [{ name: "tuned", of: "a run", checkpoint: null }],
  runId: "r",
  other: null,
  turns: [{ question: `Why ${number}?`, sampling, answers: { tuned: { ...answer, ...change } } }],
});

/** Holds so many characters. */
function limited(limit = Number.POSITIVE_INFINITY) {
  const values = new Map<string, string>();
  return {
    getItem: (key: string) => values.get(key) ?? null,
    setItem(key: string, value: string) {
      if (value.length > limit) throw new DOMException("full", "QuotaExceededError");
      values.set(key, value);
    },
  };
}

test("question, sides, settings, figures and the prompt's text come back; tokens do not", () => {
  const storage = limited();
  createHistory(storage).write({ conversations: [conversation(1)], open: "c1" });
  const { open, conversations } = createHistory(storage).read();
  expect(open).toBe("c1");
  const bare = { prompt: { ...answer.prompt, tokens: [] }, requestId: "", written: [] };
  expect(conversations).toEqual([
    { ...conversation(1), turns: [{ ...conversation(1).turns[0], answers: { tuned: { ...answer, ...bare } } }] },
  ]);
});

test("an answer that was being written when the page was closed has been stopped", () => {
  const storage = limited();
  const cut = { status: "writing", text: "Ye", figures: null, prompt: null } as const;
  createHistory(storage).write({ conversations: [conversation(1, cut)], open: null });
  const [back] = createHistory(storage).read().conversations;
  expect(back?.turns[0]?.answers.tuned).toMatchObject({ status: "failed", text: "Ye" });
});

test("a full storage costs the prompts, then the oldest, and only so many are kept", () => {
  const some = [4, 3, 2, 1].map((number) => conversation(number));
  const whole = limited();
  createHistory(whole).write({ conversations: some, open: null });
  const roomForAll = limited((whole.getItem("hone.conversations") ?? "").length - 1);
  createHistory(roomForAll).write({ conversations: some, open: null });
  const { conversations } = createHistory(roomForAll).read();
  expect(conversations.map(({ turns }) => turns[0]?.answers.tuned)).toEqual(
    some.map(() => expect.objectContaining({ text: "Yes.", prompt: null })),
  );

  const two = limited();
  const bare = some.slice(0, 2).map(({ turns, ...rest }) => ({
    ...rest,
    turns: turns.map((turn) => ({ ...turn, answers: { tuned: { ...answer, prompt: null } } })),
  }));
  createHistory(two).write({ conversations: bare, open: null });
  const roomForTwo = limited((two.getItem("hone.conversations") ?? "").length);
  createHistory(roomForTwo).write({ conversations: some, open: null });
  expect(
    createHistory(roomForTwo)
      .read()
      .conversations.map(({ id }) => id),
  ).toEqual(["c4", "c3"]);
  const many = Array.from({ length: mostConversations + 5 }, (_, number) => conversation(number));
  const kept = newestFirst(many);
  expect(kept).toHaveLength(mostConversations);
  expect(kept[0]).toBe(many.at(-1));
});

test("what another tab kept meanwhile stays, and what was deleted here does not come back", () => {
  const storage = limited();
  const [here, there] = [createHistory(storage), createHistory(storage)];
  here.write({ conversations: [conversation(1), conversation(2)], open: null });
  there.write({ conversations: [conversation(3)], open: null });
  here.write({ conversations: [conversation(2)], open: null });
  expect(
    createHistory(storage)
      .read()
      .conversations.map(({ id }) => id),
  ).toEqual(["c3", "c2"]);
});

test.each([null, "", "{", "7", "{}", '{"conversations":[{"id":7}],"open":"c9"}'])(
  "what is not well formed is left out: %s",
  (written) => {
    expect(parseConversations(written)).toEqual({ conversations: [], open: null });
  },
);

test("without a storage the page works and forgets", () => {
  const history = createHistory(null);
  history.write({ conversations: [conversation(1)], open: null });
  expect(history.read()).toEqual({ conversations: [], open: null });
});
