/** The data as a topic: files, chosen sources, their column mapping, λ, and excluded rows. */

import type { OpenedFiles, TemplateTrial } from "../protocol/datasets.ts";
import type { RowSet } from "../quality/report.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import type { SourceSummary } from "../records/source.ts";
import { type RowEdit, type SourceOptions, type WeightedSource, wholeSource } from "../run/source.ts";
import { type Context, patch } from "./context.ts";
import { type EditActions, edited } from "./edits.ts";
import { fetchSample } from "./samples.ts";
import { toFailure } from "./state.ts";

export interface DataActions {
  load(): Promise<void>;
  /** Reads files and adds them to the chosen sources. */
  open(files: readonly File[]): Promise<void>;
  /** Resolves to false if the text could not be read. */
  paste(name: string, text: string): Promise<boolean>;
  /** Opens a sample of the page. */
  openSample(file: string): Promise<void>;
  cancel(): void;
  /** Chooses a known source, or removes it from the choice. Its mapping, options and exclusions are reset; its edits stay. */
  choose(hash: string, on: boolean): void;
  /** Replaces the chosen sources, with mapping, λ, options, exclusions and edits. Unknown sources are left out. */
  chooseThese(sources: readonly WeightedSource[]): void;
  /** Deletes the copy stored in this browser, with its edits. */
  remove(hash: string): Promise<void>;
  /** null is the detected mapping. */
  map(hash: string, mapping: Mapping | null): void;
  /** Sets λ in every stage. */
  weigh(hash: string, lambda: number): void;
  setOptions(hash: string, options: SourceOptions): void;
  /** Makes a known source the general text of the next run, beside the task; null is none. An earlier one leaves the choice. */
  setGeneral(hash: string | null): void;
  /** Excludes rows, given as pairs of source and row; `undo` includes them again. */
  exclude(title: string, rows: RowSet): void;
  /** Undoes an exclusion of this session. */
  undo(exclusion: number): void;
  /** Includes one row again, or all rows of a source. */
  include(hash: string, row: number | "all"): void;
  /** Sends the selected model's tokenizer to the data worker. */
  loadTokenizer(): Promise<void>;
  /** Rejects as the data worker does; a fault of the template is a result, not a rejection. */
  tryTemplate(modelHash: string, settings: DataSettings): Promise<TemplateTrial>;
}

function withSources(list: readonly SourceSummary[], added: readonly SourceSummary[]): SourceSummary[] {
  return [...list.filter(({ hash }) => !added.some((source) => source.hash === hash)), ...added];
}

export function dataActions(context: Context, edits: EditActions, refreshStorage: () => Promise<void>): DataActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  let requested: string | null = null;
  const facts = () => store.getState().data;

  const change = (hash: string, edit: (source: WeightedSource) => WeightedSource) =>
    patch(context, "data", { chosen: facts().chosen.map((source) => (source.hash === hash ? edit(source) : source)) });

  const editsOf = (hash: string) => store.getState().edits.saved[hash];
  const withEdits = (source: WeightedSource) => edited(source, editsOf(source.hash));

  /** Loads the saved edits of these sources. */
  const loadEdits = async (sources: readonly SourceSummary[]) => {
    const found: Record<string, readonly RowEdit[]> = {};
    for (const { hash } of sources) {
      try {
        found[hash] = await client.data.edits(hash);
      } catch (thrown) {
        // The rows themselves can be used.
        patch(context, "data", { failure: toFailure(thrown) });
      }
    }
    patch(context, "edits", { saved: { ...store.getState().edits.saved, ...found } });
  };

  /** One reading at a time; resolves to false if a file could not be read. */
  const reading = async (read: (signal: AbortSignal) => Promise<OpenedFiles>): Promise<boolean> => {
    if (facts().opening) return false;
    controller = new AbortController();
    patch(context, "data", { opening: true, failure: null, failures: [] });
    try {
      const { sources, failures } = await read(controller.signal);
      await loadEdits(sources);
      const { list, chosen } = facts();
      const added = [...new Set(sources.map(({ hash }) => hash))].filter(
        (hash) => !chosen.some((source) => source.hash === hash),
      );
      patch(context, "data", {
        list: withSources(list, sources),
        chosen: [...chosen, ...added.map(wholeSource)].map(withEdits),
        failures,
      });
      void refreshStorage();
      return failures.length === 0;
    } catch (thrown) {
      const failure = toFailure(thrown);
      if (failure.name !== "AbortError") patch(context, "data", { failure });
      return false;
    } finally {
      controller = null;
      patch(context, "data", { opening: false });
      patch(context, "progress", { data: null });
    }
  };

  return {
    async load() {
      try {
        const stored = await client.data.list();
        await loadEdits(stored);
        const { list, chosen } = facts();
        const known = withSources(
          list.filter(({ stored }) => !stored),
          stored,
        );
        patch(context, "data", {
          list: known,
          chosen: chosen.filter(({ hash }) => known.some((source) => source.hash === hash)).map(withEdits),
        });
      } catch (thrown) {
        patch(context, "data", { failure: toFailure(thrown) });
      }
    },
    open: async (files) => void (await reading((signal) => client.data.open(files, signal))),
    paste: (name, text) =>
      reading(async (signal) => ({ sources: [await client.data.paste(name, text, signal)], failures: [] })),
    openSample: async (file) =>
      void (await reading(async (signal) => client.data.open([await fetchSample(file, signal)], signal))),
    cancel: () => controller?.abort(),
    choose(hash, on) {
      const others = facts().chosen.filter((source) => source.hash !== hash);
      const known = facts().list.some((source) => source.hash === hash);
      patch(context, "data", { chosen: on && known ? [...others, withEdits(wholeSource(hash))] : others });
    },
    chooseThese(sources) {
      const known = sources.filter(({ hash }) => facts().list.some((source) => source.hash === hash));
      // An older exclusion must not be undone on the new sources.
      patch(context, "data", { chosen: known, exclusions: [] });
      for (const { hash, edits: wanted = [] } of known) void edits.replace(hash, wanted);
    },
    async remove(hash) {
      try {
        await client.data.delete(hash);
        const { saved, drafts, done, undone } = store.getState().edits;
        const { [hash]: _, ...savedElsewhere } = saved;
        const isElsewhere = (step: { readonly hash: string }) => step.hash !== hash;
        patch(context, "edits", {
          saved: savedElsewhere,
          drafts: Object.fromEntries(Object.entries(drafts).filter(([key]) => !key.startsWith(`${hash} `))),
          done: done.filter(isElsewhere),
          undone: undone.filter(isElsewhere),
        });
        const { list, chosen } = facts();
        patch(context, "data", {
          list: list.filter((source) => source.hash !== hash),
          chosen: chosen.filter((source) => source.hash !== hash),
          failure: null,
        });
        void refreshStorage();
      } catch (thrown) {
        patch(context, "data", { failure: toFailure(thrown) });
      }
    },
    map: (hash, mapping) => change(hash, (source) => ({ ...source, mapping })),
    weigh: (hash, lambda) => change(hash, ({ stages: _, ...source }) => ({ ...source, lambda })),
    setGeneral(hash) {
      const { chosen, list } = facts();
      const task = chosen.filter((source) => !source.general && source.hash !== hash);
      const known = list.some((source) => source.hash === hash);
      const text = hash !== null && known ? [{ ...withEdits(wholeSource(hash)), general: true as const }] : [];
      patch(context, "data", { chosen: [...task, ...text] });
    },
    setOptions: (hash, wanted) =>
      change(hash, ({ options: _, ...source }) =>
        Object.keys(wanted).length > 0 ? { ...source, options: wanted } : source,
      ),
    exclude(title, { sources, rows }) {
      const { chosen, exclusions } = facts();
      const taken: Record<string, number[]> = {};
      const next = chosen.map((source, index) => {
        const out = new Set(source.excluded);
        const added = [...new Set(rows.filter((row, at) => sources[at] === index && !out.has(row)))];
        if (added.length === 0) return source;
        taken[source.hash] = added;
        return { ...source, excluded: [...source.excluded, ...added].sort((a, b) => a - b) };
      });
      if (Object.keys(taken).length === 0) return;
      patch(context, "data", { chosen: next, exclusions: [...exclusions, { title, rows: taken }] });
    },
    undo(index) {
      const { chosen, exclusions } = facts();
      const exclusion = exclusions[index];
      if (!exclusion) return;
      patch(context, "data", {
        chosen: chosen.map((source) => {
          const back = new Set(exclusion.rows[source.hash]);
          return back.size === 0 ? source : { ...source, excluded: source.excluded.filter((row) => !back.has(row)) };
        }),
        exclusions: exclusions.filter((_, other) => other !== index),
      });
    },
    include(hash, row) {
      change(hash, (source) => ({
        ...source,
        excluded: row === "all" ? [] : source.excluded.filter((other) => other !== row),
      }));
      // A row that was included again is no longer part of an exclusion.
      const exclusions = facts().exclusions.flatMap((exclusion) => {
        const left = row === "all" ? [] : (exclusion.rows[hash] ?? []).filter((other) => other !== row);
        const rows = Object.fromEntries(
          Object.entries({ ...exclusion.rows, [hash]: left }).filter(([, some]) => some.length > 0),
        );
        return Object.keys(rows).length > 0 ? [{ ...exclusion, rows }] : [];
      });
      patch(context, "data", { exclusions });
    },
    async loadTokenizer() {
      const hash = store.getState().model.selected;
      requested = hash;
      if (hash === null || facts().model === hash) return;
      patch(context, "data", { modelFailure: null });
      try {
        const files = await client.engine.tokenizerFiles(hash);
        const { template } = await client.data.addModel(files);
        // Another model may be selected by now.
        if (requested === hash) patch(context, "data", { model: hash, suggested: template });
      } catch (thrown) {
        if (requested === hash) patch(context, "data", { modelFailure: toFailure(thrown) });
      }
    },
    tryTemplate: (modelHash, settings) => client.data.tryTemplate(modelHash, settings),
  };
}
