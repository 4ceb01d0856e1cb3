/**
 * The page on the fake engine, for looking at it: `npx vite` and open /tests/support/fake.html. Query: `kept` starts
 * with a model, data and an interrupted run; `chosen` selects them; `many` has 100,000 rows; `nostop` fails a check; `pace` is milliseconds a step; `bare` lacks isolation and storage;
 * `broken` refuses to start. `window.crash()` ends the engine.
 */

import { createRoot } from "react-dom/client";
import { defaultRecipe } from "../../src/run/recipe.ts";
import { createHone } from "../../src/store/hone.ts";
import { App } from "../../src/ui/App.tsx";
import "../../src/ui/styles.ts";
import { createEngineClient } from "../../src/client/client.ts";
import { fakeChats, fakeSource } from "./fakeData.ts";
import { type FakeSettings, fakeModel, fakeRun, fakeWorkers } from "./fakeEngine.ts";
import { fakeFetch } from "./fakeLibrary.ts";

const query = new URLSearchParams(location.search);
const request = {
  name: "stories260K · alpaca_en_demo.json · LoRA",
  modelHash: fakeModel.hash,
  sources: [{ hash: fakeSource.hash, mapping: null, excluded: [] }],
  recipe: defaultRecipe("lora"),
};
const settings: FakeSettings = {
  pace: Number(query.get("pace") ?? 40),
  ...(query.has("kept") && {
    models: [fakeModel],
    fetches: [fakeFetch],
    sources: [{ ...fakeSource, ...(query.has("many") && { rows: 100_000 }) }, fakeChats],
    runs: [
      { ...fakeRun({ ...request, name: "First try" }, 90, 90, "2026-02-27T09:30:00.000Z"), status: "finished" },
      fakeRun(request, 64, 160),
    ],
  }),
  ...(query.has("bare") && {
    report: {
      threads: 1,
      crossOriginIsolated: false,
      storage: {
        available: false,
        reason: "This window keeps nothing (private window): runs live until the tab is closed.",
        usage: null,
        quota: null,
      },
    },
  }),
  noStop: query.has("nostop"),
  ...(query.has("broken") && { failing: { start: new Error("No provider could be started: wasm is switched off.") } }),
};

const workers = fakeWorkers(settings);
Object.assign(window, { crash: workers.crash });

const root = document.getElementById("root");
if (!root) throw new Error("fake.html has no element with the id root.");
const hone = createHone(createEngineClient(workers));
createRoot(root).render(<App hone={hone} />);
void hone.engine.start("auto").then(() => {
  if (!query.has("chosen")) return;
  hone.model.select(fakeModel.hash);
  hone.data.choose(fakeSource.hash, true);
  if (query.get("chosen") === "two") hone.data.choose(fakeChats.hash, true);
});
