/** Saves input and choices across reloads, in localStorage where the browser allows it. */

import type { StoreApi } from "zustand/vanilla";
import { formats } from "../client/client.ts";
import type { Mapping } from "../records/formats/mapping.ts";
import { jsonProblem, toolsProblem } from "../run/edits.ts";
import type { SourceOptions, WeightedSource } from "../run/source.ts";
import { mostStages } from "../run/stageFields.ts";
import type { HoneState, RowDraft } from "./state.ts";

const key = "hone.page";

/** Most characters of drafts: localStorage has about 5 MB, and longer drafts would leave no room for the rest. */
const longestDrafts = 2 ** 19;

/**
 * The saved part of the state. Runs, models, and datasets with their edits are stored by the services. Drafts that are too long
 * for localStorage last until a reload.
 */
function savedPart({ welcome, engine, model, data, edits, recipe, watching, notice, compare }: HoneState) {
  let length = 0;
  const drafts = Object.entries(edits.drafts).filter(([, { base, text, pending }]) => {
    length += [base, text, ...Object.values(pending)].reduce((sum, part) => sum + part.length, 0);
    return length <= longestDrafts;
  });
  return {
    welcomed: welcome.done,
    choice: engine.choice,
    model: model.selected,
    sources: data.chosen.map(({ edits: _, ...source }) => source),
    drafts: Object.fromEntries(drafts),
    recipe,
    watching,
    tellEnd: notice.wanted,
    question: compare.question,
    sampling: compare.entries,
  };
}

type Unknown<T> = { readonly [K in keyof T]?: unknown };

/** λ in each stage; undefined if the value is no such list. */
function stageLambdas(value: unknown): readonly (number | null)[] | undefined {
  const valid = (lambda: unknown): lambda is number | null =>
    lambda === null || (typeof lambda === "number" && lambda >= 0 && Number.isFinite(lambda));
  return Array.isArray(value) && value.length <= mostStages && value.every(valid) ? value : undefined;
}

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

function sourceOptions(value: unknown): SourceOptions {
  if (!isRecord(value)) return {};
  const tools = text(value.tools);
  return {
    ...(value.specialTokens === true && { specialTokens: true }),
    ...(value.replaced === true && { replaced: true }),
    ...(tools !== null && toolsProblem(tools) === null && { tools }),
  };
}

/** One draft as a list; empty if the value is no draft. */
function draft(value: unknown): RowDraft[] {
  if (!isRecord(value) || typeof value.text !== "string" || jsonProblem(value.text) !== null) return [];
  return [{ base: text(value.base) ?? "", text: value.text, pending: texts(value.pending) }];
}

/** One source as a list; empty if the value is no source. */
function source(value: unknown): WeightedSource[] {
  if (!isRecord(value) || typeof value.hash !== "string") return [];
  const { hash, lambda, excluded, options } = value;
  const stages = stageLambdas(value.stages);
  const chosen = sourceOptions(options);
  const rows = Array.isArray(excluded) ? excluded.filter((row) => Number.isSafeInteger(row) && row >= 0) : [];
  return [
    {
      hash,
      mapping: mapping(value.mapping),
      lambda: typeof lambda === "number" && lambda > 0 && Number.isFinite(lambda) ? lambda : 1,
      ...(stages && { stages }),
      ...(value.general === true && { general: true }),
      excluded: [...new Set(rows)].sort((a, b) => a - b),
      ...(Object.keys(chosen).length > 0 && { options: chosen }),
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
    drafts,
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
    edits: {
      ...state.edits,
      drafts: Object.fromEntries(
        Object.entries(isRecord(drafts) ? drafts : {}).flatMap(([key, value]) => draft(value).map((one) => [key, one])),
      ),
    },
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
