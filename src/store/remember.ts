/** Keeps what a person typed and chose across reloads, in localStorage where the browser allows it. */

import type { StoreApi } from "zustand/vanilla";
import type { HoneState } from "./state.ts";

const key = "hone.page";

/** What outlives the tab: choices and typed text. Runs, models and datasets are the engine's to keep. */
function kept({ engine, model, dataset, recipe, compare }: HoneState) {
  return {
    choice: engine.choice,
    model: model.selected,
    dataset: dataset.selected,
    recipe,
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

/** The state with what an earlier page wrote; whatever is missing or of another form is left as it is. */
export function withKept(state: HoneState, written: string | null): HoneState {
  let found: unknown;
  try {
    found = JSON.parse(written ?? "null");
  } catch {
    return state;
  }
  if (!isRecord(found)) return state;
  const { choice, model, dataset, recipe, question, sampling }: Unknown<ReturnType<typeof kept>> = found;
  const form: Unknown<HoneState["recipe"]> = isRecord(recipe) ? recipe : {};
  return {
    ...state,
    engine: { ...state.engine, choice: choice === "webgpu" || choice === "wasm" ? choice : "auto" },
    model: { ...state.model, selected: text(model) },
    dataset: { ...state.dataset, selected: text(dataset) },
    recipe: {
      name: text(form.name) ?? "",
      method: form.method === "full" ? "full" : "lora",
      entries: texts(form.entries),
    },
    compare: { ...state.compare, question: text(question) ?? "", entries: texts(sampling) },
  };
}

/** Restores what was kept, and keeps every later change. Without storage the page works and forgets. */
export function remember(store: StoreApi<HoneState>): void {
  try {
    store.setState(withKept(store.getState(), localStorage.getItem(key)));
  } catch {
    return;
  }
  let last = "";
  store.subscribe((state) => {
    const now = JSON.stringify(kept(state));
    if (now === last) return;
    last = now;
    try {
      localStorage.setItem(key, now);
    } catch {
      // A full or forbidden storage costs only this convenience.
    }
  });
}
