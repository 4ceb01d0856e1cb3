/** The page's entry: one engine, one state, one tree. */

import { flushSync } from "react-dom";
import { createRoot } from "react-dom/client";
import { createHone } from "./store/hone.ts";
import { App } from "./ui/App.tsx";
import "./ui/styles.ts";
import { createEngineClient, pageWorkers } from "./client/client.ts";
import { followRuns } from "./ui/train/attention.ts";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root.");

const hone = createHone(createEngineClient(pageWorkers));
// The page is drawn before the engine and its runtime (megabytes) are loaded.
flushSync(() => createRoot(root).render(<App hone={hone} />));
if (import.meta.env.PROD) void hone.update.watch();
followRuns(hone);
void hone.engine.start(hone.store.getState().engine.choice).then(hone.welcome.greet);
