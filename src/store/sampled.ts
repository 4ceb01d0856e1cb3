/** Votes that become preference data: pairs of sampled answers of one model, and votes used as a dataset. */

import { createRandom, shuffle } from "../client/client.ts";
import type { SamplingSettings } from "../protocol/engine.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import type { Choice } from "./ballots.ts";
import { pageStorage } from "./compare.ts";
import { type Context, patch } from "./context.ts";
import type { Side } from "./conversation.ts";
import type { DataActions } from "./data.ts";
import type { ModelActions } from "./model.ts";
import { createSampledStore, mostPairs, type SampledPair } from "./sampledStore.ts";
import { type Failure, toFailure } from "./state.ts";
import { type VotedPair, type VotedRows, votedRows } from "./votedPairs.ts";

export interface SampledFacts {
  /** Oldest first. */
  readonly pairs: readonly SampledPair[];
  /** Typed prompts, one per line. */
  readonly prompts: string;
  /** Null while no answers are drawn. */
  readonly drawing: { readonly done: number; readonly total: number } | null;
  /** Prompts of the last drawing whose two answers were the same. */
  readonly alike: number;
  /** The last dataset made of votes. */
  readonly used: (Omit<VotedRows, "text"> & { readonly name: string }) | null;
  readonly failure: Failure | null;
}

export interface SampledActions {
  type(prompts: string): void;
  /** Fills in the questions of up to `count` rows of the chosen data, drawn with the seed. */
  fill(spec: DataSpec, rows: readonly number[], count: number, seed: number): Promise<void>;
  /** Draws two answers to each typed prompt: the seeds count up from the settings' seed. Needs a temperature above 0. */
  draw(side: Side, sampling: SamplingSettings): Promise<void>;
  stop(): void;
  /** Votes on the first pair without a vote. */
  cast(choice: Choice): void;
  /** Takes back the newest vote. */
  undo(): void;
  /** Deletes all pairs. */
  clear(): void;
  /** Makes a dataset of the decided votes, and adds it to the chosen data. */
  use(name: string, votes: readonly VotedPair[]): Promise<void>;
}

/** The typed prompts, without empty lines and repetitions. */
export const promptsIn = (typed: string): readonly string[] => [
  ...new Set(
    typed
      .split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== ""),
  ),
];

export const isVoted = (pair: SampledPair): pair is SampledPair & { readonly choice: Choice } => pair.choice !== null;

const noRoom: Failure = {
  name: "Error",
  message: "The pairs could not be stored in this browser: they are lost with the page. Use them as preferences now.",
};

export function sampledActions(context: Context, model: ModelActions, data: DataActions): SampledActions {
  const { client, store } = context;
  const stored = createSampledStore(pageStorage());
  let controller: AbortController | null = null;
  /** Ids of the votes of this page in their order, for undo. */
  let order: readonly string[] = [];
  const facts = () => store.getState().sampled;
  const set = (change: Partial<SampledFacts>) => patch(context, "sampled", change);
  const keep = (pairs: readonly SampledPair[]) => {
    const newest = pairs.slice(-mostPairs);
    set({ pairs: newest, failure: stored.write(newest) ? null : noRoom });
  };
  set({ pairs: stored.read() });

  return {
    type: (prompts) => set({ prompts }),
    async fill(spec, counts, count, seed) {
      const rows = counts.flatMap((own, source) => {
        const excluded = new Set(spec.sources[source]?.excluded);
        return Array.from({ length: own }, (_, row) => ({ source, row })).filter(({ row }) => !excluded.has(row));
      });
      // Some rows have no question.
      const drawn = shuffle(rows, createRandom(seed)).slice(0, 4 * count);
      try {
        const questions = await client.data.questions(spec, drawn);
        // A line is a prompt.
        const lines = questions.map(({ prompt }) => prompt.trim()).filter((prompt) => !prompt.includes("\n"));
        set({ prompts: lines.slice(0, count).join("\n"), failure: null });
      } catch (thrown) {
        set({ failure: toFailure(thrown) });
      }
    },
    async draw(side, sampling) {
      const prompts = promptsIn(facts().prompts);
      if (facts().drawing || prompts.length === 0) return;
      const { name: _, of, ...subject } = side;
      controller = new AbortController();
      const { signal } = controller;
      set({ drawing: { done: 0, total: prompts.length }, alike: 0, used: null, failure: null });
      try {
        await model.ensureOpen(side.modelHash);
        for (const [index, prompt] of prompts.entries()) {
          signal.throwIfAborted();
          const seeds = [sampling.seed + 2 * index, sampling.seed + 2 * index + 1] as const;
          const answer = (seed: number) =>
            client.engine.answer(
              {
                ...subject,
                requestId: `sampled-${index}-${seed}`,
                messages: [{ role: "user", content: prompt }],
                sampling: { ...sampling, seed },
              },
              signal,
            );
          const [first, second] = [await answer(seeds[0]), await answer(seeds[1])];
          signal.throwIfAborted();
          set({ drawing: { done: index + 1, total: prompts.length } });
          if (first.text.trim() === second.text.trim()) {
            set({ alike: facts().alike + 1 });
            continue;
          }
          const { temperature } = sampling;
          const drawn = {
            prompt,
            answers: [first.text, second.text],
            seeds,
            temperature,
            of,
            step: first.step,
          } as const;
          keep([...facts().pairs, { id: crypto.randomUUID(), ...drawn, choice: null }]);
        }
      } catch (thrown) {
        const failure = toFailure(thrown);
        if (failure.name !== "AbortError") set({ failure });
      } finally {
        controller = null;
        set({ drawing: null });
        patch(context, "progress", { engine: null });
      }
    },
    stop: () => controller?.abort(),
    cast(choice) {
      const { pairs } = facts();
      const open = pairs.find((pair) => pair.choice === null);
      if (!open) return;
      order = [...order, open.id];
      keep(pairs.map((pair) => (pair === open ? { ...pair, choice } : pair)));
    },
    undo() {
      const { pairs } = facts();
      // After a reload the order of votes is that of the pairs.
      const last = order.at(-1) ?? pairs.findLast(isVoted)?.id;
      order = order.slice(0, -1);
      keep(pairs.map((pair) => (pair.id === last ? { ...pair, choice: null } : pair)));
    },
    clear() {
      order = [];
      keep([]);
      set({ alike: 0, used: null });
    },
    async use(name, votes) {
      const { text, ...counts } = votedRows(votes);
      if (counts.pairs === 0) return set({ used: { name, ...counts } });
      if (await data.paste(name, text)) set({ used: { name, ...counts } });
      else set({ failure: store.getState().data.failure });
    },
  };
}
