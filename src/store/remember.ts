/** Saves input and choices across reloads, in localStorage where the browser allows it. */

import type { StoreApi } from "zustand/vanilla";
import { formats } from "../client/client.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import type { WeightedSource } from "../run/source.ts";
import type { HoneState } from "./state.ts";

const key = "hone.page";

/** The saved part of the state. Runs, models and datasets are stored by the engine. */
function savedPart({ welcome, engine, model, data, recipe, watching, notice, compare }: HoneState) {
  return {
    welcomed: welcome.done,
    choice: engine.choice,
    model: model.selected,
    sources: data.chosen,
    recipe,
    watching,
    tellEnd: notice.wanted,
    question: compare.question,
    sampling: compare.entries,
  };
}

type Unknown<T> = { readonly [K in keyof T]?: unknown };

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
const text = (value: unknown) => (typeof value === "string" ? value : null);
const texts = (value: unknown) =>
  Object.fromEntries(
    Object.entries(isRecord(value) ? value : {}).filter((entry): entry is [string, string] => text(entry[1]) !== null),
  );

function mapping(value: unknown): Mapping | null {
  if (!isRecord(value)) return null;
  const format = formats.find(({ name }) => name === value.format);
  if (!format) return null;
  const columns = texts(value.columns);
  const known = format.roles.flatMap(({ role }) => (columns[role] === undefined ? [] : [[role, columns[role]]]));
  return { format: format.name, columns: Object.fromEntries(known) };
}

/** One source as a list; empty if the value is no source. */
function source(value: unknown): WeightedSource[] {
  if (!isRecord(value) || typeof value.hash !== "string") return [];
  const { hash, lambda, excluded } = value;
  const rows = Array.isArray(excluded) ? excluded.filter((row) => Number.isSafeInteger(row) && row >= 0) : [];
  return [
    {
      hash,
      mapping: mapping(value.mapping),
      lambda: typeof lambda === "number" && lambda > 0 && Number.isFinite(lambda) ? lambda : 1,
      excluded: [...new Set(rows)].sort((a, b) => a - b),
    },
  ];
}

/** The state with the values that an earlier page saved. Missing or malformed values are skipped. */
export function withSaved(state: HoneState, written: string | null): HoneState {
  let found: unknown;
  try {
    found = JSON.parse(written ?? "null");
  } catch {
    return state;
  }
  if (!isRecord(found)) return state;
  const {
    welcomed,
    choice,
    model,
    sources,
    recipe,
    watching,
    tellEnd,
    question,
    sampling,
  }: Unknown<ReturnType<typeof savedPart>> = found;
  const form: Unknown<HoneState["recipe"]> = isRecord(recipe) ? recipe : {};
  const watched: Unknown<HoneState["watching"]> = isRecord(watching) ? watching : {};
  return {
    ...state,
    watching: { prompt: text(watched.prompt) ?? "", row: text(watched.row) ?? "", source: text(watched.source) },
    notice: { ...state.notice, wanted: tellEnd === true },
    welcome: { ...state.welcome, done: welcomed === true },
    engine: { ...state.engine, choice: choice === "webgpu" || choice === "wasm" ? choice : "auto" },
    model: { ...state.model, selected: text(model) },
    data: { ...state.data, chosen: Array.isArray(sources) ? sources.flatMap(source) : [] },
    recipe: {
      name: text(form.name) ?? "",
      method: form.method === "full" ? "full" : "lora",
      entries: texts(form.entries),
    },
    compare: { ...state.compare, question: text(question) ?? "", entries: texts(sampling) },
  };
}

/** Restores the saved part, and saves every later change. Without storage nothing is saved. */
export function remember(store: StoreApi<HoneState>): void {
  try {
    store.setState(withSaved(store.getState(), localStorage.getItem(key)));
  } catch {
    return;
  }
  let last = "";
  store.subscribe((state) => {
    const now = JSON.stringify(savedPart(state));
    if (now === last) return;
    last = now;
    try {
      localStorage.setItem(key, now);
    } catch {
      // A full or forbidden storage only loses this convenience.
    }
  });
}
