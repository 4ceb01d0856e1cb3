/** The data as a topic: reading files, choosing sources, what their columns mean, how much of each, and which rows. */

import type { OpenedFiles, TemplateTrial } from "../protocol/datasets.ts";
import type { RowSet } from "../quality/report.ts";
import type { DataSettings } from "../quality/tokenize.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import type { SourceSummary } from "../records/source.ts";
import { type WeightedSource, wholeSource } from "../run/source.ts";
import { type Context, patch } from "./context.ts";
import { fetchSample } from "./samples.ts";
import { toFailure } from "./state.ts";

export interface DataActions {
  load(): Promise<void>;
  /** Reads files and chooses them; what was chosen before stays. */
  open(files: readonly File[]): Promise<void>;
  /** Resolves to whether the text could be read. */
  paste(name: string, text: string): Promise<boolean>;
  /** Opens a file that comes with the page. */
  openSample(file: string): Promise<void>;
  cancel(): void;
  /** Chooses a source that is known, or leaves it out again. Its mapping and exclusions start afresh. */
  choose(hash: string, on: boolean): void;
  /** Chooses these and no other, with their mapping, weight and exclusions; of those that are not known none. */
  chooseThese(sources: readonly WeightedSource[]): void;
  /** Removes the copy kept in this browser. */
  remove(hash: string): Promise<void>;
  /** null is as it was detected. */
  map(hash: string, mapping: Mapping | null): void;
  weigh(hash: string, lambda: number): void;
  /** Takes rows out, as pairs of source and row; `undo` puts back those that were in before. */
  exclude(title: string, rows: RowSet): void;
  /** Puts back what an exclusion of this session took out. */
  undo(exclusion: number): void;
  /** Puts one row back, or all of a source. */
  include(hash: string, row: number | "all"): void;
  /** Hands the data worker the selected model's tokenizer. */
  addModel(): Promise<void>;
  /** Rejects as the data worker does; what is wrong with the template itself is a result. */
  tryTemplate(modelHash: string, settings: DataSettings): Promise<TemplateTrial>;
}

function withSources(list: readonly SourceSummary[], added: readonly SourceSummary[]): SourceSummary[] {
  return [...list.filter(({ hash }) => !added.some((source) => source.hash === hash)), ...added];
}

export function dataActions(context: Context, refreshStorage: () => Promise<void>): DataActions {
  const { client, store } = context;
  let controller: AbortController | null = null;
  let asked: string | null = null;
  const facts = () => store.getState().data;

  const change = (hash: string, edit: (source: WeightedSource) => WeightedSource) =>
    patch(context, "data", { chosen: facts().chosen.map((source) => (source.hash === hash ? edit(source) : source)) });

  /** Runs one reading at a time; resolves to whether everything could be read. */
  const reading = async (read: (signal: AbortSignal) => Promise<OpenedFiles>): Promise<boolean> => {
    if (facts().opening) return false;
    controller = new AbortController();
    patch(context, "data", { opening: true, failure: null, failures: [] });
    try {
      const { sources, failures } = await read(controller.signal);
      const { list, chosen } = facts();
      const added = [...new Set(sources.map(({ hash }) => hash))].filter(
        (hash) => !chosen.some((source) => source.hash === hash),
      );
      patch(context, "data", {
        list: withSources(list, sources),
        chosen: [...chosen, ...added.map(wholeSource)],
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
        const kept = await client.data.list();
        const { list, chosen } = facts();
        const known = withSources(
          list.filter(({ stored }) => !stored),
          kept,
        );
        patch(context, "data", {
          list: known,
          chosen: chosen.filter(({ hash }) => known.some((source) => source.hash === hash)),
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
      patch(context, "data", { chosen: on && known ? [...others, wholeSource(hash)] : others });
    },
    chooseThese(sources) {
      const known = sources.filter(({ hash }) => facts().list.some((source) => source.hash === hash));
      // Undoing an exclusion of before would put rows back that these leave out.
      patch(context, "data", { chosen: known, exclusions: [] });
    },
    async remove(hash) {
      try {
        await client.data.delete(hash);
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
    weigh: (hash, lambda) => change(hash, (source) => ({ ...source, lambda })),
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
      // What was put back by hand is no longer an exclusion's to undo.
      const exclusions = facts().exclusions.flatMap((exclusion) => {
        const left = row === "all" ? [] : (exclusion.rows[hash] ?? []).filter((other) => other !== row);
        const rows = Object.fromEntries(
          Object.entries({ ...exclusion.rows, [hash]: left }).filter(([, some]) => some.length > 0),
        );
        return Object.keys(rows).length > 0 ? [{ ...exclusion, rows }] : [];
      });
      patch(context, "data", { exclusions });
    },
    async addModel() {
      const hash = store.getState().model.selected;
      asked = hash;
      if (hash === null || facts().model === hash) return;
      patch(context, "data", { modelFailure: null });
      try {
        const files = await client.engine.tokenizerFiles(hash);
        const { template } = await client.data.addModel(files);
        // Another model may have been selected meanwhile.
        if (asked === hash) patch(context, "data", { model: hash, suggested: template });
      } catch (thrown) {
        if (asked === hash) patch(context, "data", { modelFailure: toFailure(thrown) });
      }
    },
    tryTemplate: (modelHash, settings) => client.data.tryTemplate(modelHash, settings),
  };
}
