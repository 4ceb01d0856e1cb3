/** Making rows as a topic: documents, the rows that a teacher made, a person's decision on each, and what was dropped. */

import type { MadeOutcome, MakeSettings } from "../generation/make/make.ts";
import type { MakeRequest, Subject } from "../protocol/engine.ts";
import { type Example, type Maker, madeRowJson } from "../run/made.ts";
import { type Context, patch } from "./context.ts";
import type { DataActions } from "./data.ts";
import type { DecidedRow, MakeFacts } from "./makeFacts.ts";
import type { ModelActions } from "./model.ts";
import { toFailure } from "./state.ts";

export interface MakeActions {
  openDocuments(files: readonly File[]): Promise<void>;
  clearDocuments(): void;
  fromExamples(subject: Subject, examples: readonly Example[], attempts: number, settings: MakeSettings): Promise<void>;
  fromDocuments(subject: Subject, perPassage: number, settings: MakeSettings): Promise<void>;
  /** Takes a row that the engine made, or a text that it dropped. */
  hear(outcome: MadeOutcome): void;
  stop(): void;
  decide(id: string, state: DecidedRow["state"]): void;
  /** Adds the accepted rows to the data under a name, and empties the list of decided rows. */
  add(name: string): Promise<void>;
}

export function makeActions(
  context: Context,
  model: Pick<ModelActions, "ensureOpen">,
  data: Pick<DataActions, "paste">,
): MakeActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  const facts = () => store.getState().make;
  const change = (edit: Partial<MakeFacts>) => patch(context, "make", edit);

  const alone = async (phase: MakeFacts["phase"], work: (signal: AbortSignal) => Promise<void>) => {
    if (facts().phase !== "idle") return;
    controller = new AbortController();
    change({ phase, failure: null });
    try {
      await work(controller.signal);
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") change({ failure });
    } finally {
      controller = null;
      change({ phase: "idle" });
      patch(context, "progress", { engine: null, data: null });
    }
  };

  const makerOf = ({ modelHash, runId }: Subject): Maker => {
    const { model: models, runs } = store.getState();
    return {
      model: models.list.find(({ hash }) => hash === modelHash)?.name ?? "",
      modelHash,
      run: runs.list.find(({ id }) => id === runId)?.name ?? null,
      at: new Date().toISOString(),
    };
  };

  let maker: Maker | null = null;

  const make = (request: MakeRequest, total: number) =>
    alone("making", async (signal) => {
      change({ attempts: { done: 0, total }, dropped: {} });
      await model.ensureOpen(request.modelHash);
      maker = makerOf(request);
      await client.engine.makeRows(request, signal);
    });

  return {
    openDocuments: (files) =>
      alone("reading", async (signal) => {
        const { documents, failures } = await client.data.passages(files, signal);
        const added = documents.flatMap(({ name, passages }) => passages.map((one) => ({ ...one, document: name })));
        change({ passages: [...facts().passages, ...added], unread: failures });
      }),
    clearDocuments: () => change({ passages: [], unread: [] }),
    fromExamples: (subject, examples, attempts, settings) =>
      make({ ...subject, from: { kind: "examples", examples, attempts }, settings }, attempts),
    fromDocuments(subject, perPassage, settings) {
      const { passages } = facts();
      const total = passages.length * perPassage;
      return make({ ...subject, from: { kind: "documents", passages, perPassage }, settings }, total);
    },
    hear(outcome) {
      const { rows, dropped, attempts } = facts();
      // An event after the end of its call.
      if (!maker || facts().phase !== "making") return;
      change({ attempts: { ...attempts, done: attempts.done + 1 } });
      if (outcome.kind === "kept") {
        change({ rows: [...rows, { ...outcome.row, id: crypto.randomUUID(), state: "open", maker }] });
      } else {
        const key = `${outcome.part} ${outcome.reason}`;
        change({ dropped: { ...dropped, [key]: (dropped[key] ?? 0) + 1 } });
      }
    },
    stop: () => controller?.abort(),
    decide: (id, state) => change({ rows: facts().rows.map((row) => (row.id === id ? { ...row, state } : row)) }),
    add: (name) =>
      alone("adding", async () => {
        const accepted = facts().rows.filter(({ state }) => state === "accepted");
        const lines = accepted.map((row) => `${JSON.stringify(madeRowJson(row, row.maker))}\n`);
        if (await data.paste(name, lines.join("")))
          change({ rows: facts().rows.filter(({ state }) => state === "open") });
      }),
  };
}
