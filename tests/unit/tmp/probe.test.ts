import { expect, test } from "vitest";
import { createDataDesk } from "../../../src/datasets/datasets.ts";
import { createEngine } from "../../../src/engine/engine.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { takeIn } from "../../support/engineHere.ts";
import { recipeOf } from "../../support/recipes.ts";
import { asFiles, speakingModel } from "../../support/tinyLlama.ts";

test("speaks", async () => {
  const data = createDataDesk(await openStorage(), () => undefined);
  const engine = await createEngine(
    nodeEntries,
    () => undefined,
    async () => data,
  );
  await engine.start("wasm");
  let t = performance.now();
  const lap = (what: string) => {
    console.log(what, Math.round(performance.now() - t));
    t = performance.now();
  };
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(speakingModel()), name: "blue" });
  lap("open");
  const ask = (runId: string | null, q: string) =>
    engine.ask({
      requestId: "",
      modelHash,
      runId,
      checkpoint: null,
      template: { kind: "built-in", name: "hone" },
      systemPrompt: null,
      messages: [{ role: "user", content: q }],
      sampling: { temperature: 0, topK: null, topP: null, maxTokens: 40, seed: 1 },
    });
  const a = await ask(null, "Name a colour?");
  console.log(JSON.stringify(a.text), a.finish);
  lap("ask");
  console.log((await ask(null, "Why?")).text);
  lap("ask");
  const rows = Array.from({ length: 20 }, (_, i) => ({ instruction: `What is ${i}?`, output: "Red." }));
  const source = await takeIn(data, rows);
  for (const [method, lr, steps] of [
    ["full", 2e-2, 20],
    ["full", 2e-2, 24],
    ["full", 2e-2, 30],
    ["lora", 2e-2, 20],
    ["lora", 2e-2, 30],
    ["lora", 2e-2, 40],
  ] as const) {
    const r = await engine.startRun({
      name: "x",
      modelHash,
      sources: [source],
      recipe: recipeOf(method, { learningRate: lr, steps, accumulation: 1, samplePrompts: 1 }),
    });
    lap(`${method} ${lr} ${steps} run ${r.status} ${r.reason}`);
    const b = await ask(r.id, "Name a colour?");
    console.log(
      method,
      lr,
      r.metrics.at(0)?.loss,
      r.metrics.at(-1)?.loss,
      JSON.stringify(b.text),
      b.finish,
      JSON.stringify(r.samples),
    );
  }
  expect(1).toBe(1);
}, 100000);
