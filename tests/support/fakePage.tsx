/**
 * The page on the fake engine, for looking at it: `npx vite` and open /tests/support/fake.html. Query: `kept` starts
 * with a model, pairs and an interrupted run; `pace` is milliseconds a step; `bare` lacks isolation and storage;
 * `broken` refuses to start. `window.crash()` ends the engine.
 */

import { createRoot } from "react-dom/client";
import { createHone } from "../../src/store/hone.ts";
import { defaultRecipe } from "../../src/store/recipe.ts";
import { App } from "../../src/ui/App.tsx";
import "../../src/ui/styles.ts";
import { createEngineClient } from "../../src/worker/client.ts";
import { type FakeSettings, fakeDataset, fakeModel, fakeRun, fakeWorker } from "./fakeEngine.ts";

const query = new URLSearchParams(location.search);
const request = {
  name: "stories260K · alpaca_en_demo.json · LoRA",
  modelHash: fakeModel.hash,
  datasetHash: fakeDataset.hash,
  recipe: defaultRecipe("lora"),
};
const settings: FakeSettings = {
  pace: Number(query.get("pace") ?? 40),
  ...(query.has("kept") && {
    models: [fakeModel],
    datasets: [fakeDataset],
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
  ...(query.has("broken") && { failing: { start: new Error("No provider could be started: wasm is switched off.") } }),
};

let worker: ReturnType<typeof fakeWorker>;
const client = createEngineClient(() => {
  worker = fakeWorker(settings);
  return worker;
});
Object.assign(window, { crash: () => worker.crash() });

const root = document.getElementById("root");
if (!root) throw new Error("fake.html has no element with the id root.");
const hone = createHone(client);
createRoot(root).render(<App hone={hone} />);
void hone.engine.start("auto");
