/** The address as a topic: the screen and the settings, so that a link carries both. */

import type { StoreApi } from "zustand/vanilla";
import type { ProviderChoice } from "../protocol/engine.ts";
import type { Context } from "./context.ts";
import type { HoneState, PageName } from "./state.ts";

/** In the order of the steps; the last three are no steps. */
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

/** The screen of each part that a link can name. */
const parts: ReadonlyMap<string, PageName> = new Map([
  ["preflight", "data"],
  ["report", "data"],
  ["preview", "template"],
]);

const startPage: PageName = "train";

type Settings = Pick<HoneState["recipe"], "method" | "entries"> & { readonly compute: ProviderChoice };

export interface Place {
  readonly page: PageName;
  /** Id of the element that the link names; null is the top of the screen. */
  readonly part: string | null;
  /** Null where the address has no settings. */
  readonly settings: Settings | null;
}

/** Reads the part after the #. An unknown screen is the start page. */
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

/** The address of a screen with the settings that differ from the defaults. It has no data and no run name. */
export function writeAddress(name: string, { method, entries, compute }: Settings): string {
  const query = new URLSearchParams({
    ...(method !== "lora" && { method }),
    ...(compute !== "auto" && { compute }),
    ...entries,
  }).toString();
  // Without changed settings the address is the name alone.
  return query === "" ? `#${name}` : `#${name}?${query}`;
}

const settingsOf = ({ recipe: { method, entries }, engine: { choice } }: HoneState): Settings => ({
  method,
  entries,
  compute: choice,
});

/** Marks a history entry whose settings this page wrote. */
const written = "hone";

/** Milliseconds after the last keystroke: browsers limit the number of address changes. */
const writeDelay = 400;

/**
 * Follows the address, and writes changed settings to it. The address overrides saved settings. Its provider is read
 * only at the start, because a change restarts the engine.
 */
export function followAddress(store: StoreApi<HoneState>): void {
  if (typeof location === "undefined") return;
  const follow = (first: boolean) => {
    const { page, part, settings: requested } = readAddress(location.hash);
    // Going back must not undo later input: from an address of this page only the screen is read.
    const settings = first || history.state !== written ? requested : null;
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
    // The address may be newer than the state: its event is then still pending.
    const { page, part } = readAddress(location.hash);
    if (page !== state.place.page || part !== state.place.part) return;
    const address = writeAddress(part ?? page, settingsOf(state));
    // A first visit without changes has no fragment.
    if (location.hash === "" && !address.includes("?")) return;
    if (location.hash === address && history.state === written) return;
    history.replaceState(written, "", address);
  };
  const writeSoon = () => {
    clearTimeout(timer);
    timer = setTimeout(write, writeDelay);
  };
  writeSoon();
  store.subscribe(({ recipe, engine, place }, before) => {
    if (recipe !== before.recipe || engine.choice !== before.engine.choice || place !== before.place) writeSoon();
  });
}

export interface PlaceActions {
  /** Shows a screen, scrolled to `part` if given. */
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
