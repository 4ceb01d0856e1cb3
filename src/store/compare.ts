/** Comparison as a topic: one conversation with the base model, a run and another checkpoint, and the history. */

import type { SamplingSettings } from "../protocol/engine.ts";
import { exportedFrom } from "../run/origin.ts";
import { type Context, patch } from "./context.ts";
import {
  type AnswerFacts,
  type Conversation,
  keyOf,
  messagesFor,
  type OtherChoice,
  type Side,
  type SideName,
  withAnswer,
} from "./conversation.ts";
import { createHistory, newestFirst } from "./history.ts";
import type { ModelActions } from "./model.ts";
import { type CompareFacts, toFailure } from "./state.ts";

export interface CompareActions {
  type(question: string): void;
  /** "" chooses none. Weights that another tool trained further choose the run of their export as the other side. */
  chooseRun(runId: string): void;
  chooseOther(other: OtherChoice | null): void;
  /** Loads the list of stored checkpoints of a run. */
  loadCheckpoints(runId: string): Promise<void>;
  enter(field: string, text: string): void;
  /**
   * Sends the typed question to each side in turn. The present conversation continues if its sides are the same; else
   * a new one starts. The question leaves the input once all models are open.
   */
  send(sides: readonly Side[], sampling: SamplingSettings): Promise<void>;
  stop(): void;
  /** Appends a piece of an answer. */
  hear(requestId: string, text: string): void;
  /** Closes the present conversation, which stays in the history. */
  begin(): void;
  /** Opens a conversation of the history with its sides. */
  open(id: string): void;
  remove(id: string): void;
  /** Restores the conversation that was removed last. */
  undoRemove(): void;
}

const waiting = (requestId: string): AnswerFacts => ({
  requestId,
  text: "",
  status: "waiting",
  figures: null,
  prompt: null,
  written: [],
  failure: null,
});

/** The conversation on the page; null before its first question. */
export function presentConversation({ conversations, present }: CompareFacts): Conversation | null {
  return conversations.find(({ id }) => id === present) ?? null;
}

export function compareActions(context: Context, model: ModelActions): CompareActions {
  const { client, store } = context;
  const history = createHistory(pageStorage());
  let controller: AbortController | null = null;
  let requests = 0;
  const facts = () => store.getState().compare;
  const set = (change: Partial<CompareFacts>) => patch(context, "compare", change);
  const keep = () => history.write({ conversations: facts().conversations, open: facts().present });
  const replace = (next: Conversation) =>
    set({ conversations: facts().conversations.map((other) => (other.id === next.id ? next : other)) });

  /** Changes a side's answer to the last question. */
  const change = (side: SideName, edit: (answer: AnswerFacts) => AnswerFacts) => {
    const conversation = presentConversation(facts());
    if (conversation) replace(withAnswer(conversation, side, edit));
  };

  /** Adds a turn without answers to the previous conversation or to a new one. */
  const beginTurn = (
    before: Conversation | null,
    sides: readonly Side[],
    question: string,
    sampling: SamplingSettings,
  ): Conversation => {
    const { conversations, other } = facts();
    const answers = Object.fromEntries(sides.map(({ name }) => [name, waiting(`question-${++requests}`)]));
    const conversation: Conversation = before ?? {
      id: crypto.randomUUID(),
      startedAt: new Date().toISOString(),
      key: keyOf(sides),
      sides: sides.map(({ name, of, checkpoint }) => ({ name, of, checkpoint })),
      runId: sides.find(({ name }) => name === "tuned")?.runId ?? "",
      other: sides.some(({ name }) => name === "other") ? other : null,
      turns: [],
    };
    const next = { ...conversation, turns: [...conversation.turns, { question, sampling, answers }] };
    set({
      conversations: newestFirst([next, ...conversations.filter(({ id }) => id !== next.id)]),
      present: next.id,
    });
    return next;
  };

  const answerSide = async (side: Side, { turns }: Conversation, signal: AbortSignal) => {
    const turn = turns.at(-1);
    const requestId = turn?.answers[side.name]?.requestId;
    if (!turn || requestId === undefined || signal.aborted) return;
    const { name, of: _of, ...subject } = side;
    const messages = messagesFor(name, turns.slice(0, -1), turn.question);
    change(name, (answer) => ({ ...answer, status: "writing" }));
    try {
      const { text, finish, step, seconds, prompt, written } = await client.engine.answer(
        { ...subject, requestId, messages, sampling: turn.sampling },
        signal,
      );
      const figures = { finish, step, seconds, read: prompt.tokens.length, wrote: written.length };
      change(name, (answer) => ({ ...answer, text, status: "done", figures, prompt, written }));
    } catch (thrown) {
      const failure = toFailure(thrown);
      change(name, (answer) => ({
        ...answer,
        status: "failed",
        failure: failure.name === "AbortError" ? null : failure,
      }));
    }
    keep();
  };

  const saved = history.read();
  set({ conversations: newestFirst(saved.conversations) });
  const wasOpen = saved.conversations.find(({ id }) => id === saved.open);
  // A conversation without a run does not select one: a run may exist since.
  if (wasOpen) set({ present: wasOpen.id, runId: wasOpen.runId || null, other: wasOpen.other });

  return {
    type: (question) => set({ question }),
    chooseRun(runId) {
      const { list } = store.getState().runs;
      const run = list.find(({ id }) => id === runId);
      const source = run ? exportedFrom(run, list) : null;
      set({ runId, ...(source && { other: { runId: source.id, checkpoint: null } }) });
    },
    chooseOther: (other) => set({ other }),
    async loadCheckpoints(runId) {
      // If the list fails, the newest checkpoint can still be chosen, and its answer has the error.
      const list = await client.engine.checkpointsOf(runId).catch(() => []);
      set({ checkpoints: { ...facts().checkpoints, [runId]: list } });
    },
    enter: (field, text) => set({ entries: { ...facts().entries, [field]: text } }),

    async send(sides, sampling) {
      if (facts().answering) return;
      controller = new AbortController();
      const { signal } = controller;
      const { question } = facts();
      const present = presentConversation(facts());
      const before = present?.key === keyOf(sides) ? present : null;
      set({ answering: true, failure: null });
      const conversation = beginTurn(before, sides, question, sampling);
      try {
        for (const hash of new Set(sides.map(({ modelHash }) => modelHash))) await model.ensureOpen(hash);
        signal.throwIfAborted();
      } catch (thrown) {
        // No model received the question, so it stays in the input.
        const failure = toFailure(thrown);
        set({
          conversations: facts().conversations.flatMap((other) =>
            other.id !== conversation.id ? other : (before ?? []),
          ),
          present: present?.id ?? null,
          failure: failure.name === "AbortError" ? null : failure,
          answering: false,
        });
        patch(context, "progress", { engine: null });
        return;
      }
      if (facts().question === question) set({ question: "" });
      keep();
      for (const side of sides) await answerSide(side, conversation, signal);
      for (const { name } of sides)
        change(name, (answer) => (answer.status === "waiting" ? { ...answer, status: "failed" } : answer));
      keep();
      controller = null;
      set({ answering: false });
      patch(context, "progress", { engine: null });
    },
    stop: () => controller?.abort(),
    hear(requestId, text) {
      const answers = presentConversation(facts())?.turns.at(-1)?.answers ?? {};
      for (const [name, answer] of Object.entries(answers)) {
        if (answer.requestId !== requestId || answer.status !== "writing") continue;
        change(name as SideName, (before) => ({ ...before, text: before.text + text }));
      }
    },

    begin() {
      if (facts().answering) return;
      set({ present: null, failure: null });
      keep();
    },
    open(id) {
      const conversation = facts().conversations.find((other) => other.id === id);
      if (!conversation || facts().answering) return;
      const { runId, other } = conversation;
      set({ present: id, runId, other, failure: null });
      keep();
    },
    remove(id) {
      const { conversations, present, removed, answering } = facts();
      const conversation = conversations.find((other) => other.id === id);
      if (!conversation || (answering && present === id)) return;
      set({
        conversations: conversations.filter((other) => other.id !== id),
        present: present === id ? null : present,
        removed: [...removed, conversation],
      });
      keep();
    },
    undoRemove() {
      const { conversations, removed } = facts();
      const back = removed.at(-1);
      if (!back) return;
      set({ conversations: newestFirst([back, ...conversations]), removed: removed.slice(0, -1) });
      keep();
    },
  };
}

/** Null where the browser forbids storage, and outside of browsers. */
export function pageStorage(): Storage | null {
  try {
    return localStorage;
  } catch {
    return null;
  }
}
