/**
 * Every export of weights is pushed with its card, as the page pushes it. Oracles: the archive's own files and the played hub,
 * which refuses what Hugging Face refuses.
 */

import { unzipSync } from "fflate";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { EngineApi, Exported } from "../../../src/protocol/engine.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere, takeIn } from "../../support/engineHere.ts";
import { goodToken } from "../../support/pushHub.ts";
import { recipeWith } from "../../support/recipe.ts";
import { ggufConfigs, llamaFolder } from "../../support/smallGguf.ts";
import { asFiles, tinyRows } from "../../support/tinyLlama.ts";
import { type PushServer, servePushHub } from "../hub/pushServer.ts";

const recipe = recipeWith(defaultRecipe("lora"), {
  ...{ template: { kind: "built-in", name: "hone" }, systemPrompt: "Count.", maxLength: 128, steps: 2 },
  ...{ batchSize: 4, accumulation: 1, evaluateEvery: 100, samplePrompts: 0, validationShare: 0 },
});

let engine: EngineApi;
let runId: string;
let server: PushServer;

beforeAll(async () => {
  const { engine: made, data } = await engineHere(nodeEntries);
  engine = made;
  await engine.start("wasm");
  const files = asFiles(llamaFolder({ ...ggufConfigs.Llama, max_position_embeddings: 256 }));
  const { hash: modelHash } = await engine.openModel({ kind: "files", files, name: "small" });
  const run = await engine.startRun({ name: "counts", modelHash, sources: [await takeIn(data, tinyRows())], recipe });
  expect(run.reason).toBe(null);
  runId = run.id;
  server = await servePushHub({ partBytes: 5000 });
}, 300_000);

afterAll(() => server.close());

const forms: readonly (readonly [form: string, file: RegExp, make: () => Promise<Exported>])[] = [
  ["adapter", /^adapter_model\.safetensors$/, () => engine.exportAdapter(runId, null)],
  ["model", /^model\.safetensors$/, () => engine.exportModel(runId, null)],
  ["gguf", /-Q8_0\.gguf$/, () => engine.exportGguf(runId, null, "Q8_0")],
  ["gguf-adapter", /\.gguf$/, () => engine.exportGgufAdapter(runId, null)],
];

test.each(forms)(
  "the export %s is pushed whole, with the card as the user edited it",
  async (form, weights, make) => {
    const { archive, card = "" } = await make();
    const wanted = unzipSync(new Uint8Array(await archive.arrayBuffer()));
    expect(new TextDecoder().decode(wanted["README.md"])).toBe(card);
    expect(Object.keys(wanted).some((name) => weights.test(name))).toBe(true);
    const edited = `${card}\nEdited.\n`;
    const pushed = await engine.pushToHub({
      ...{ archive, token: goodToken, repository: form, visibility: "private", card: edited, title: "Upload" },
    });
    expect(pushed.compared).toBe(Object.keys(wanted).length);
    const found = server.hub.repositories.get(`maria/${form}`)?.files;
    expect([...(found?.keys() ?? [])].sort()).toEqual(Object.keys(wanted).sort());
    for (const [name, bytes] of Object.entries(wanted)) {
      const own = name === "README.md" ? new TextEncoder().encode(edited) : bytes;
      expect(found?.get(name)?.bytes.equals(own), name).toBe(true);
    }
  },
  60_000,
);
