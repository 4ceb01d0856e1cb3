/**
 * Run files with random changes (seeded) in the engine that trains, on wasm in Node, its base model at hand. Oracle: what is taken in
 * can be resumed to its end, asked and exported; what the run then says is plain.
 */

import { strToU8, unzipSync } from "fflate";
import { expect, test } from "vitest";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { changeJson, pick } from "../../support/changes.ts";
import { engineHere, stepTaken, takeIn } from "../../support/engineHere.ts";
import { isLong } from "../../support/long.ts";
import { recipeOf } from "../../support/recipe.ts";
import { asFiles, tinyModel, tinyRows } from "../../support/tinyLlama.ts";
import { asFile, packed, raw } from "./runFileMade.ts";

const files = isLong ? 600 : 12;
const seed = 20261202;

test(`${files} changed files of a run that was paused: what is taken in goes on`, { timeout: 3_600_000 }, async () => {
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const recipe = recipeOf("lora", {
    steps: 6,
    accumulation: 1,
    maxLength: 64,
    samplePrompts: 0,
    checkpointEvery: 2,
    evaluateEvery: 3,
    watchEvery: 2,
  });
  const training = engine.startRun({
    name: "a run",
    modelHash,
    sources: [await takeIn(here.data, tinyRows())],
    recipe,
  });
  await stepTaken(here, 3);
  await engine.pauseRun();
  const run = await training;
  expect(run.status, run.reason ?? "").toBe("paused");
  const { archive } = await engine.exportRun(run.id);
  const original = unzipSync(new Uint8Array(await archive.arrayBuffer()));
  const paths = Object.keys(original).filter((path) => /run\.json|state\.json|manifest\.json/.test(path));
  await engine.deleteRun(run.id);

  const random = createRandom(seed);
  const outcomes: Record<string, number> = {};
  const count = (outcome: string) => {
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
  };
  for (let index = 0; index < files; index++) {
    const parts = { ...original };
    const path = pick(random, paths);
    const json: unknown = JSON.parse(new TextDecoder().decode(parts[path]));
    changeJson(json, random);
    parts[path] = strToU8(JSON.stringify(json));
    const file = asFile(await packed(parts, { prove: path !== "manifest.json" }));
    const imported = await engine.importRun(file).catch((error: unknown) => String(error));
    const label = `file ${index}, changed in ${path}`;
    if (typeof imported === "string") {
      expect(imported, label).not.toMatch(raw);
      count("refused");
      continue;
    }
    const { id, status } = imported.record;
    const ended = status === "finished" ? imported.record : await engine.resumeRun(id);
    expect(ended.reason ?? "", label).not.toMatch(raw);
    expect(ended.status, label).toBe("finished");
    await engine.exportRun(id);
    await engine.exportAdapter(id, null);
    count("finished");
    await engine.deleteRun(id);
  }
  console.table(outcomes);
  expect(outcomes.finished).toBeGreaterThan(0);
  expect((await engine.report()).problems).toEqual([]);
});
