/** The page on fake workers inside a browser test: opened, with a model and data chosen, its complaints collected. */

import { createRoot, type Root } from "react-dom/client";
import { afterEach, beforeEach, expect, vi } from "vitest";
import { page } from "vitest/browser";
import type { ScreenName } from "../../scripts/harness/studio.ts";
import { createHone, type Hone } from "../../src/store/hone.ts";
import { App } from "../../src/ui/App.tsx";
import "../../src/ui/styles.ts";
import { createEngineClient, type WorkerStarters } from "../../src/client/client.ts";
import { fakeSource } from "./fakeData.ts";
import { type FakeSettings, fakeModel, fakeWorkers } from "./fakeEngine.ts";

export const kept: FakeSettings = { pace: 2, models: [fakeModel], sources: [fakeSource] };

let root: Root;
let complaints: unknown[] = [];

/** Each test begins with an empty page and storage, and fails when anything was written to the console. */
export function eachOnAnEmptyPage() {
  beforeEach(() => {
    localStorage.clear();
    history.replaceState(null, "", location.pathname + location.search);
    document.body.innerHTML = '<div id="root"></div>';
    complaints = [];
    for (const level of ["error", "warn"] as const)
      vi.spyOn(console, level).mockImplementation((...words) => void complaints.push(words));
  });
  afterEach(() => {
    root.unmount();
    vi.restoreAllMocks();
    expect(complaints).toEqual([]);
  });
}

export async function openPage(workers: WorkerStarters): Promise<Hone> {
  const hone = createHone(createEngineClient(workers));
  root = createRoot(document.getElementById("root") as HTMLElement);
  root.render(<App hone={hone} />);
  await hone.engine.start("auto");
  return hone;
}

/** Goes to a screen by its link in the rail. */
export async function enter(name: ScreenName): Promise<void> {
  await page.getByRole("navigation").getByRole("link", { name, exact: true }).click();
  await expect.element(page.getByRole("heading", { level: 1, name, exact: true })).toBeVisible();
}

export function closePage() {
  root.unmount();
}

/** The page with the fake model selected, and every source that is kept chosen. */
export async function openWithData(settings: FakeSettings = kept): Promise<Hone> {
  const hone = await openPage(fakeWorkers(settings));
  hone.model.select(fakeModel.hash);
  for (const { hash } of settings.sources ?? []) hone.data.choose(hash, true);
  return hone;
}
