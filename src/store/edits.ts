/** Edits of rows as a topic: unsaved drafts, saved edits with undo and redo, and the rows as a file. */

import type { RowChange, RowForm, WrittenRows } from "../protocol/datasets.ts";
import { choiceOf, type RowEdit, type WeightedSource } from "../run/source.ts";
import { type Context, patch } from "./context.ts";
import { draftKey, type EditStep, type RowDraft, toFailure } from "./state.ts";

export interface EditActions {
  /** Opens, changes or (null) closes the draft of a row. */
  draft(hash: string, row: number, draft: RowDraft | null): void;
  /** Saves a row's new value, JSON text, and closes its draft. Resolves to false if it could not be saved. */
  save(hash: string, row: number, value: string): Promise<boolean>;
  /** Gives rows the file's value again. */
  revert(hash: string, rows: readonly number[]): Promise<boolean>;
  /** Replaces all edits of a dataset, as one step for undo. */
  replace(hash: string, edits: readonly RowEdit[]): Promise<boolean>;
  /** Undoes the last step of this session. */
  undo(): Promise<void>;
  /** Repeats the step that was undone last. */
  redo(): Promise<void>;
  /** The rows of a chosen source as JSON Lines. Rejects as the data worker does. */
  write(hash: string, form: RowForm, signal: AbortSignal): Promise<WrittenRows>;
}

/** The source with these edits. */
export function edited<Source extends WeightedSource>({ edits: _, ...source }: Source, edits: readonly RowEdit[] = []) {
  return edits.length > 0 ? { ...source, edits } : source;
}

export function editActions(context: Context): EditActions {
  const { client, store } = context;
  const facts = () => store.getState().edits;
  const editsOf = (hash: string) => facts().saved[hash] ?? [];
  /** The changes run one after another, so that each step knows the values before it. */
  let last: Promise<unknown> = Promise.resolve();
  const inOrder = <T>(work: () => Promise<T>): Promise<T> => {
    const next = last.then(work);
    last = next.catch(() => undefined);
    return next;
  };

  /** Saves changes and shows them; false, with the failure shown, if that fails. */
  async function apply(hash: string, changes: readonly RowChange[]): Promise<boolean> {
    try {
      const saved = await client.data.editRows(hash, changes);
      patch(context, "edits", { saved: { ...facts().saved, [hash]: saved }, failure: null });
      const { chosen } = store.getState().data;
      patch(context, "data", {
        chosen: chosen.map((source) => (source.hash === hash ? edited(source, saved) : source)),
      });
      return true;
    } catch (thrown) {
      patch(context, "edits", { failure: toFailure(thrown) });
      return false;
    }
  }

  /** Applies changes as one step for undo. */
  const step = (hash: string, changesFrom: (before: ReadonlyMap<number, string>) => readonly RowChange[]) =>
    inOrder(async () => {
      const before = new Map(editsOf(hash).map(({ row, value }) => [row, value]));
      const changes = changesFrom(before).filter(({ row, value }) => (before.get(row) ?? null) !== value);
      if (changes.length === 0) return true;
      if (!(await apply(hash, changes))) return false;
      // A row with its file's value again has no edit.
      const after = new Map(editsOf(hash).map(({ row, value }) => [row, value]));
      const made = changes.map(({ row }) => ({ row, before: before.get(row) ?? null, after: after.get(row) ?? null }));
      const done: EditStep = { hash, changes: made.filter((change) => change.before !== change.after) };
      if (done.changes.length > 0) patch(context, "edits", { done: [...facts().done, done], undone: [] });
      return true;
    });

  const draft: EditActions["draft"] = (hash, row, next) => {
    const { [draftKey(hash, row)]: _, ...others } = facts().drafts;
    patch(context, "edits", { drafts: next ? { ...others, [draftKey(hash, row)]: next } : others, failure: null });
  };

  return {
    draft,
    async save(hash, row, value) {
      const saved = await step(hash, () => [{ row, value }]);
      if (saved) draft(hash, row, null);
      return saved;
    },
    revert: (hash, rows) => step(hash, () => rows.map((row) => ({ row, value: null }))),
    replace: (hash, edits) =>
      step(hash, (before) => {
        const after = new Map(edits.map(({ row, value }) => [row, value]));
        const rows = [...new Set([...before.keys(), ...after.keys()])];
        return rows.map((row) => ({ row, value: after.get(row) ?? null }));
      }),
    undo: () =>
      inOrder(async () => {
        const { done, undone } = facts();
        const present = done.at(-1);
        if (!present) return;
        const changes = present.changes.map(({ row, before }) => ({ row, value: before }));
        if (await apply(present.hash, changes))
          patch(context, "edits", { done: done.slice(0, -1), undone: [...undone, present] });
      }),
    redo: () =>
      inOrder(async () => {
        const { done, undone } = facts();
        const next = undone.at(-1);
        if (!next) return;
        const changes = next.changes.map(({ row, after }) => ({ row, value: after }));
        if (await apply(next.hash, changes))
          patch(context, "edits", { done: [...done, next], undone: undone.slice(0, -1) });
      }),
    async write(hash, form, signal) {
      const choice = store.getState().data.chosen.find((source) => source.hash === hash);
      if (!choice) throw new Error("The source is not chosen any more: choose it again, then save its rows.");
      try {
        return await client.data.writeRows(choiceOf(choice), form, signal);
      } finally {
        patch(context, "progress", { data: null });
      }
    },
  };
}
