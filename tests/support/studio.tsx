/** The page on the real services inside a browser test: prepares stored data, opens the page and collects console output. */

import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeAll, beforeEach, expect, vi } from "vitest";
import { page } from "vitest/browser";
import type { ScreenName } from "../../scripts/harness/studio.ts";
import { createEngineClient, type EngineClient, type WorkerStarters } from "../../src/client/client.ts";
import type { ModelSummary } from "../../src/protocol/engine.ts";
import type { SourceSummary } from "../../src/records/source.ts";
import { createHone, type Hone } from "../../src/store/hone.ts";
import { App } from "../../src/ui/App.tsx";
import "../../src/ui/styles.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { copyStorage, putStorage, type StorageCopy } from "./browserStorage.ts";
import { engineHere, type Here } from "./engineHere.ts";
import { openServices, type Services, type Stubs } from "./services.ts";

let root: Root | null = null;
const opened: Services[] = [];
let complaints: unknown[] = [];

/** Empties the page, so that the next one opens as after a reload. */
function emptyPage() {
  document.body.innerHTML = '<div id="root"></div>';
}

/**
 * Each test starts with an empty page and the stored data of `prepare`, which runs once per file. A test fails when anything
 * was written to the console. Returns a getter for the result of `prepare`.
 */
export function eachOnAPage<T>(prepare: (here: Here) => Promise<T>): () => T {
  let made: { readonly given: T; readonly copy: StorageCopy } | null = null;
  beforeAll(async () => {
    await putStorage();
    const here = await engineHere(browserEntries);
    await here.engine.start("wasm");
    const given = await prepare(here);
    made = { given, copy: await copyStorage() };
  }, 300_000);
  beforeEach(async () => {
    localStorage.clear();
    history.replaceState(null, "", location.pathname + location.search);
    await putStorage(made?.copy);
    emptyPage();
    complaints = [];
    for (const level of ["error", "warn"] as const)
      vi.spyOn(console, level).mockImplementation((...words) => void complaints.push(words));
  });
  afterEach(async () => {
    closePage();
    for (const services of opened.splice(0)) await services.close();
    vi.restoreAllMocks();
    expect(complaints).toEqual([]);
  });
  return () => {
    if (!made) throw new Error("The prepared data exists only inside a test.");
    return made.given;
  };
}

export async function openPage(starters: WorkerStarters): Promise<Hone & { readonly client: EngineClient }> {
  const client = createEngineClient(starters);
  const hone = createHone(client);
  root = createRoot(document.getElementById("root") as HTMLElement);
  root.render(<App hone={hone} />);
  await hone.engine.start("auto");
  return { ...hone, client };
}

/** Opens the page on its own services, with the model and the sources selected. */
export async function openStudio(
  chosen: { readonly model?: ModelSummary; readonly sources?: readonly SourceSummary[] } = {},
  stubs: Stubs = {},
): Promise<Awaited<ReturnType<typeof openPage>> & { readonly services: Services }> {
  const services = openServices(browserEntries, stubs);
  opened.push(services);
  const hone = await openPage(services);
  if (chosen.model) hone.model.select(chosen.model.hash);
  for (const { hash } of chosen.sources ?? []) hone.data.choose(hash, true);
  return { ...hone, services };
}

/** Closes the page; another may be opened in its place. */
export function closePage() {
  root?.unmount();
  root = null;
  emptyPage();
}

/** Opens a screen through its link in the rail. */
export async function enter(name: ScreenName): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
  await expect.element(page.getByRole("heading", { level: 1, name, exact: true })).toBeVisible();
}
