/** The list of rows, outside the store: a source may have a million rows, and only those near the view are loaded. */

import type { EngineClient } from "../client/client.ts";
import type { RowHead } from "../protocol/datasets.ts";
import type { DataSpec } from "../run/dataSpec.ts";
import { type Failure, toFailure } from "./state.ts";

/** Rows of one request. */
const pageSize = 100;
/** Maximum number of loaded pages; the least recently used are dropped. */
const maxPages = 60;

export interface Heads {
  /**
   * Chooses the listed source. Its old rows stay until the new ones arrive, so that a changed setting does not empty
   * the list.
   */
  list(spec: DataSpec, source: number): void;
  /** Loads the missing rows of `from` to `to` (exclusive), and aborts other requests. */
  want(from: number, to: number): void;
  /** null until it is loaded. */
  at(row: number): RowHead | null;
  /** Error of the last request; null after one succeeds. */
  failure(): Failure | null;
  /** Requests the rows again after a failure. */
  retry(): void;
  /** Changes with every loaded page. */
  version(): number;
  /** Returns a function that unsubscribes. */
  subscribe(listener: () => void): () => void;
}

interface Page {
  readonly rows: readonly RowHead[];
  /** Number of the listing that it was loaded for. */
  readonly listing: number;
}

export function createHeads(client: Pick<EngineClient, "data">): Heads {
  const pages = new Map<number, Page>();
  const loading = new Map<number, AbortController>();
  const listeners = new Set<() => void>();
  let current: { spec: DataSpec; source: number; key: string; hash: string } | null = null;
  let listing = 0;
  let version = 0;
  let failure: Failure | null = null;

  const notify = () => {
    version++;
    for (const listener of listeners) listener();
  };
  const endAll = () => {
    for (const controller of loading.values()) controller.abort();
    loading.clear();
  };

  const load = async (index: number) => {
    if (!current) return;
    const { spec, source } = current;
    const mine = listing;
    const controller = new AbortController();
    loading.set(index, controller);
    try {
      const rows = await client.data.heads(spec, source, index * pageSize, (index + 1) * pageSize, controller.signal);
      if (mine !== listing) return;
      pages.delete(index);
      pages.set(index, { rows, listing: mine });
      for (const oldest of pages.keys()) {
        if (pages.size <= maxPages) break;
        pages.delete(oldest);
      }
      failure = null;
    } catch (thrown) {
      const found = toFailure(thrown);
      if (mine !== listing || found.name === "AbortError") return;
      failure = found;
    } finally {
      if (loading.get(index) === controller) loading.delete(index);
    }
    notify();
  };

  return {
    list(spec, source) {
      const { modelHash, settings, sources } = spec;
      const choice = sources[source];
      if (!choice) return;
      // λ, split and seed do not change the list.
      const { hash, mapping, excluded, options, edits } = choice;
      const key = JSON.stringify([modelHash, settings, hash, mapping, excluded, options, edits]);
      if (current?.key === key) return;
      if (current?.hash !== hash) pages.clear();
      endAll();
      current = { spec, source, key, hash };
      listing++;
      failure = null;
      notify();
    },
    want(from, to) {
      if (!current || to <= from) return;
      const first = Math.floor(from / pageSize);
      const last = Math.floor((to - 1) / pageSize);
      for (const [index, controller] of loading) {
        if (index >= first && index <= last) continue;
        controller.abort();
        loading.delete(index);
      }
      // After a failure only `retry` requests again.
      for (let index = first; index <= last; index++)
        if (pages.get(index)?.listing !== listing && !loading.has(index) && !failure) void load(index);
    },
    at: (row) => pages.get(Math.floor(row / pageSize))?.rows[row % pageSize] ?? null,
    failure: () => failure,
    retry() {
      failure = null;
      notify();
    },
    version: () => version,
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
