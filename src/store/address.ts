/** The address as a topic: which screen of the page is shown, and the settings, so that a link gives them to somebody else. */

import type { StoreApi } from "zustand/vanilla";
import type { ProviderChoice } from "../protocol/engine.ts";
import type { Context } from "./context.ts";
import type { HoneState, PageName } from "./state.ts";

/** In the order of the work; the last three stand beside it. */
export const pages: readonly PageName[] = [
  "model",
  "data",
  "template",
  "train",
  "compare",
  "take-away",
  "runs",
  "machine",
  "glossary",
];

/** Where parts of a screen lie that links lead to. */
const parts: ReadonlyMap<string, PageName> = new Map([
  ["preflight", "data"],
  ["report", "data"],
  ["preview", "template"],
]);

const startPage: PageName = "train";

type Settings = Pick<HoneState["recipe"], "method" | "entries"> & { readonly compute: ProviderChoice };

export interface Place {
  readonly page: PageName;
  /** Id of the element that the link leads to; null is the screen's beginning. */
  readonly part: string | null;
  /** Null where the address has none. */
  readonly settings: Settings | null;
}

/** Reads what stands behind the #; what is not known leads to where a visit begins. */
export function readAddress(hash: string): Place {
  const [name = "", query] = hash.replace(/^#/, "").split(/\?(.*)/s);
  const page = pages.find((other) => other === name) ?? parts.get(name) ?? startPage;
  const part = parts.has(name) ? name : null;
  if (!query) return { page, part, settings: null };
  const { method, compute, ...entries } = Object.fromEntries(new URLSearchParams(query));
  return {
    page,
    part,
    settings: {
      method: method === "full" ? "full" : "lora",
      compute: compute === "webgpu" || compute === "wasm" ? compute : "auto",
      entries,
    },
  };
}

/** The address of a screen with what differs from the defaults. Neither data nor a run's name stand in it. */
export function writeAddress(name: string, { method, entries, compute }: Settings): string {
  const query = new URLSearchParams({
    ...(method !== "lora" && { method }),
    ...(compute !== "auto" && { compute }),
    ...entries,
  }).toString();
  // Where only a default was chosen after all, the link is as short as it can be.
  return query === "" ? `#${name}` : `#${name}?${query}`;
}

const settingsOf = ({ recipe: { method, entries }, engine: { choice } }: HoneState): Settings => ({
  method,
  entries,
  compute: choice,
});

/** Marks an entry of the history whose settings this page wrote. */
const written = "hone";

/** Milliseconds after the last keystroke: browsers bear only so many changes of the address. */
const moment = 400;

/**
 * Shows what the address asks for, now and whenever it changes, and keeps the settings in it. What an address says goes
 * before what this browser remembers; the provider counts only at the start, for changing it starts the engine anew.
 */
export function followAddress(store: StoreApi<HoneState>): void {
  if (typeof location === "undefined") return;
  const follow = (first: boolean) => {
    const { page, part, settings: asked } = readAddress(location.hash);
    // Going back must not take back what was typed since: of addresses that this page wrote, only the screen counts.
    const settings = first || history.state !== written ? asked : null;
    const { recipe, engine } = store.getState();
    store.setState({
      place: { page, part },
      ...(settings && { recipe: { ...recipe, method: settings.method, entries: settings.entries } }),
      ...(settings && first && { engine: { ...engine, choice: settings.compute } }),
    });
  };
  follow(true);
  window.addEventListener("hashchange", () => follow(false));

  let timer: ReturnType<typeof setTimeout> | undefined;
  const write = () => {
    const state = store.getState();
    // The address may have changed already, and its event be on the way: it goes before what is shown.
    const { page, part } = readAddress(location.hash);
    if (page !== state.place.page || part !== state.place.part) return;
    const address = writeAddress(part ?? page, settingsOf(state));
    // Of a visit that has not gone anywhere the address stays bare.
    if (location.hash === "" && !address.includes("?")) return;
    if (location.hash === address && history.state === written) return;
    history.replaceState(written, "", address);
  };
  const writeSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, moment);
  };
  writeSoon();
  store.subscribe(({ recipe, engine, place }, before) => {
    if (recipe !== before.recipe || engine.choice !== before.engine.choice || place !== before.place) writeSoon();
  });
}

export interface PlaceActions {
  /** Shows a screen, and a part of it where one is named. */
  go(page: PageName, part?: string): void;
}

export function placeActions({ store }: Context): PlaceActions {
  return {
    go(page, part) {
      const address = writeAddress(part ?? page, settingsOf(store.getState()));
      if (location.hash === address) store.setState({ place: { page, part: part ?? null } });
      else location.hash = address;
    },
  };
}
