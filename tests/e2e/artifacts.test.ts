/** `npm run artifacts` as a user runs it. Oracles: the same steps in this process, and messages for files that are wrong. */

import { execFile } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { readOrtCheckpoint } from "../../src/onnx/ortCheckpoint.ts";
import { nodeEntries } from "../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../src/runtime/runtime.ts";
import { officialBatch, officialSet } from "../support/officialSet.ts";
import { openSet, trainSteps, worstRatio } from "../support/trainOfficial.ts";
import { folderOf } from "./tab.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const artifacts = (...args: string[]) =>
  promisify(execFile)(process.execPath, ["--import", "tsx", "scripts/artifacts.ts", ...args], { cwd: root });

const batch = officialBatch(4);

async function folder(feeds: object) {
  const path = await folderOf({ "feeds.json": JSON.stringify(feeds) });
  for (const [name, bytes] of officialSet()) await writeFile(join(path, name), bytes);
  return path;
}

test("trains a folder, writes losses, norms and a checkpoint, and goes on from it", async () => {
  const path = await folder(batch);
  const [json, saved] = [join(path, "out.json"), join(path, "saved")];
  await artifacts(path, "--feeds", join(path, "feeds.json"), "--steps", "4", "--json", json, "--save", saved);
  const result = JSON.parse(await readFile(json, "utf8"));

  const runtime = await createRuntime("wasm", { entries: nodeEntries });
  onTestFinished(() => runtime.dispose());
  const opened = await openSet(runtime, officialSet());
  const expected = await trainSteps(
    opened,
    Array.from({ length: 6 }, () => [batch]),
  );
  expect(worstRatio(result.losses, expected.losses.slice(0, 4))).toBeLessThan(1e-6);
  expect(worstRatio(result.parameterNorms, expected.parameterNorms.slice(0, 4))).toBeLessThan(1e-6);
  expect(result.provider).toBe("wasm");

  const bytes = new Uint8Array(await readFile(saved));
  expect(readOrtCheckpoint(bytes).groups[0]?.step).toBe(4);
  await writeFile(join(path, "checkpoint"), bytes);
  await writeFile(saved, "");
  await artifacts(path, "--feeds", join(path, "feeds.json"), "--steps", "2", "--json", json);
  const rest = JSON.parse(await readFile(json, "utf8"));
  expect(worstRatio(rest.losses, expected.losses.slice(4))).toBeLessThan(1e-6);
});

test("a feed that is wrong is named, without a stack", async () => {
  const path = await folder({ ...batch, labels: { ...batch.labels, data: [0, 9, 1] } });
  await expect(artifacts(path, "--feeds", join(path, "feeds.json"))).rejects.toMatchObject({
    code: 1,
    stderr: "Feed labels has label 9 at place 1, but the model has 4 classes from 0.\n",
  });
  await expect(artifacts(path)).rejects.toMatchObject({ code: 1, stderr: expect.stringMatching(/--feeds is needed/) });
});
