/** The conversations that this browser keeps: a bounded number, in localStorage where the browser allows it. */

import * as v from "valibot";
import type { AnswerFacts, Conversation, Turn } from "./conversation.ts";

const place = "hone.conversations";

/** The oldest go first. */
export const mostConversations = 50;

export interface KeptConversations {
  /** Newest first. */
  readonly conversations: readonly Conversation[];
  /** Id of the one that was open. */
  readonly open: string | null;
}

export interface History {
  /** What an earlier page wrote. What is not well formed is left out. */
  read(): KeptConversations;
  /** Keeps these, and what other tabs kept meanwhile. A full storage costs the prompts, then the oldest; a forbidden one all. */
  write(kept: KeptConversations): void;
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
      // Nobody writes on it any more.
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

const Kept = v.object({ conversations: v.array(v.unknown()), open: v.nullable(v.string()) });

/** As `History.read`, from what was written. */
export function parseConversations(written: string | null): KeptConversations {
  let found: unknown;
  try {
    found = JSON.parse(written ?? "null");
  } catch {
    found = null;
  }
  const kept = v.safeParse(Kept, found);
  if (!kept.success) return { conversations: [], open: null };
  const conversations = kept.output.conversations.flatMap((conversation) => {
    const parsed = v.safeParse(ConversationSchema, conversation);
    return parsed.success ? [parsed.output] : [];
  });
  const { open } = kept.output;
  return { conversations, open: conversations.some(({ id }) => id === open) ? open : null };
}

/** What is written: without tokens, which are many times as long as the text. */
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

/** `storage` is the browser's; null where it is forbidden. */
export function createHistory(storage: Pick<Storage, "getItem" | "setItem"> | null): History {
  /** Ids that this page has seen: what it no longer gives was deleted, and does not come back. */
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
      const kept = read();
      for (const { id } of kept.conversations) seen.add(id);
      return kept;
    },
    write({ conversations, open }) {
      for (const { id } of conversations) seen.add(id);
      const elsewhere = read().conversations.filter(({ id }) => !seen.has(id));
      const all = newestFirst([...conversations, ...elsewhere]);
      const put = (list: readonly Conversation[], prompts: boolean): boolean => {
        const kept = list.map((conversation) => compact(conversation, prompts));
        try {
          storage?.setItem(place, JSON.stringify({ conversations: kept, open }));
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

/** Newest first, as many as are kept. */
export function newestFirst(conversations: readonly Conversation[]): readonly Conversation[] {
  return conversations.toSorted((a, b) => b.startedAt.localeCompare(a.startedAt)).slice(0, mostConversations);
}
