/** The page's entry: one engine, one state, one tree. */

import { createRoot } from "react-dom/client";
import { createHone } from "./store/hone.ts";
import { App } from "./ui/App.tsx";
import "./ui/styles.ts";
import { createEngineClient, pageWorkers } from "./worker/client.ts";

const root = document.getElementById("root");
if (!root) throw new Error("index.html has no element with the id root.");

const hone = createHone(createEngineClient(pageWorkers));
createRoot(root).render(<App hone={hone} />);
void hone.engine.start(hone.store.getState().engine.choice).then(hone.welcome.greet);
