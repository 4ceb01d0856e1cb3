/** The stored conversations: a bounded number, in localStorage where the browser allows it. */

import * as v from "valibot";
import type { AnswerFacts, Conversation, Turn } from "./conversation.ts";

const place = "hone.conversations";

/** Above this number the oldest are deleted. */
export const mostConversations = 50;

export interface StoredConversations {
  /** Newest first. */
  readonly conversations: readonly Conversation[];
  /** Id of the open conversation. */
  readonly open: string | null;
}

export interface History {
  /** Reads the conversations of earlier pages, without malformed ones. */
  read(): StoredConversations;
  /**
   * Writes these and newer ones of other tabs. If the storage is full, it drops the prompts first, then the oldest;
   * without storage it writes nothing.
   */
  write(stored: StoredConversations): void;
}

const Step = v.nullable(v.number());
const Side = v.picklist(["base", "tuned", "other"]);
const Role = v.picklist(["system", "user", "assistant", "tool"]);

const Answer = v.pipe(
  v.object({
    text: v.string(),
    status: v.picklist(["waiting", "writing", "done", "failed"]),
    figures: v.nullable(
      v.object({
        finish: v.picklist(["stop", "length", "context", "cancelled"]),
        step: Step,
        seconds: v.number(),
        read: v.number(),
        wrote: v.number(),
      }),
    ),
    prompt: v.nullable(
      v.object({
        text: v.string(),
        stretches: v.array(v.object({ end: v.number(), role: v.nullable(Role) })),
      }),
    ),
    failure: v.nullable(v.object({ name: v.string(), message: v.string() })),
  }),
  v.transform(
    ({ prompt, status, ...answer }): AnswerFacts => ({
      ...answer,
      // After a reload nothing writes the rest of an unfinished answer.
      status: status === "done" ? "done" : "failed",
      prompt: prompt && { ...prompt, tokens: [] },
      requestId: "",
      written: [],
    }),
  ),
);

const TurnSchema: v.GenericSchema<unknown, Turn> = v.object({
  question: v.string(),
  sampling: v.object({
    temperature: v.number(),
    topK: v.nullable(v.number()),
    topP: v.nullable(v.number()),
    maxTokens: v.number(),
    seed: v.number(),
  }),
  answers: v.object({
    base: v.exactOptional(Answer),
    tuned: v.exactOptional(Answer),
    other: v.exactOptional(Answer),
  }),
});

const ConversationSchema: v.GenericSchema<unknown, Conversation> = v.object({
  id: v.string(),
  startedAt: v.string(),
  key: v.string(),
  sides: v.array(v.object({ name: Side, of: v.string(), checkpoint: Step })),
  runId: v.string(),
  other: v.nullable(v.object({ runId: v.string(), checkpoint: Step })),
  turns: v.array(TurnSchema),
});

const StoredForm = v.object({ conversations: v.array(v.unknown()), open: v.nullable(v.string()) });

/** Parses the stored text; see `History.read`. */
export function parseConversations(written: string | null): StoredConversations {
  let found: unknown;
  try {
    found = JSON.parse(written ?? "null");
  } catch {
    found = null;
  }
  const parsed = v.safeParse(StoredForm, found);
  if (!parsed.success) return { conversations: [], open: null };
  const conversations = parsed.output.conversations.flatMap((conversation) => {
    const one = v.safeParse(ConversationSchema, conversation);
    return one.success ? [one.output] : [];
  });
  const { open } = parsed.output;
  return { conversations, open: conversations.some(({ id }) => id === open) ? open : null };
}

/** The stored form: without tokens, which take many times the space of the text. */
function compact({ turns, ...conversation }: Conversation, prompts: boolean): unknown {
  const answer = ({ requestId: _id, written: _written, prompt, ...facts }: AnswerFacts) => ({
    ...facts,
    prompt: prompts && prompt ? { text: prompt.text, stretches: prompt.stretches } : null,
  });
  return {
    ...conversation,
    turns: turns.map(({ answers, ...turn }) => ({
      ...turn,
      answers: Object.fromEntries(Object.entries(answers).map(([side, facts]) => [side, answer(facts)])),
    })),
  };
}

/** `storage` is the browser's; null where the browser forbids it. */
export function createHistory(storage: Pick<Storage, "getItem" | "setItem"> | null): History {
  /** Ids that this page has read: one that is missing later was deleted, and is not written again. */
  const seen = new Set<string>();
  const read = () => {
    try {
      return parseConversations(storage?.getItem(place) ?? null);
    } catch {
      return parseConversations(null);
    }
  };
  return {
    read() {
      const stored = read();
      for (const { id } of stored.conversations) seen.add(id);
      return stored;
    },
    write({ conversations, open }) {
      for (const { id } of conversations) seen.add(id);
      const elsewhere = read().conversations.filter(({ id }) => !seen.has(id));
      const all = newestFirst([...conversations, ...elsewhere]);
      const put = (list: readonly Conversation[], prompts: boolean): boolean => {
        const compacted = list.map((conversation) => compact(conversation, prompts));
        try {
          storage?.setItem(place, JSON.stringify({ conversations: compacted, open }));
          return true;
        } catch {
          return false;
        }
      };
      if (put(all, true)) return;
      for (let count = all.length; count >= 0; count--) if (put(all.slice(0, count), false)) return;
    },
  };
}

/** The newest conversations, at most `mostConversations`, newest first. */
export function newestFirst(conversations: readonly Conversation[]): readonly Conversation[] {
  return conversations.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, mostConversations);
}
