/**
 * Adapters that PEFT 0.21 itself wrote, a golden folder per variant. Oracle: the logits that PEFT computed in float64 with the same
 * adapter on the same small model (`npm run adapters -- --freeze`).
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { adapterCases } from "../../../scripts/oracle/adapterCases.ts";
import {
  adapterTolerance,
  goldenFolder,
  goldenLogits,
  goldenNames,
  lastApart,
  logitsWith,
  openAdapter,
  openFamily,
} from "../../../scripts/oracle/adapters.ts";
import type { LoadedModel } from "../../../src/engine/library.ts";
import { writeAdapter } from "../../../src/export/adapter.ts";
import { requireAdapter } from "../../../src/export/exportAdapter.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";

let runtime: Runtime;
const place = mkdtempSync(join(tmpdir(), "hone-peft-"));
const models = new Map<string, Promise<LoadedModel>>();
const modelOf = (family: string) => {
  const known = models.get(family) ?? openFamily(family, join(place, family));
  models.set(family, known);
  return known;
};

beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(async () => {
  await runtime.dispose();
  rmSync(place, { recursive: true });
});

test("every case has its folder, and every folder its case", () => {
  expect(goldenNames()).toEqual(adapterCases.map(({ name }) => name).sort());
});

test.each(adapterCases.filter(({ refused }) => refused === null))("$name: the logits are PEFT's", async (row) => {
  const model = await modelOf(row.family);
  const folder = join(goldenFolder, row.name);
  const adapter = await openAdapter(folder, model);
  if (row.note) expect(adapter.notes.join(" ")).toContain(row.note);
  expect(adapter.baseModel).toBe("owner/base");
  const expected = goldenLogits(folder);
  expect(lastApart(expected, await logitsWith(runtime, model, adapter))).toBeLessThan(adapterTolerance);
  // Without the adapter the logits are others: the comparison can fail.
  const idle = new Map([...adapter.tensors].map(([name, values]) => [name, new Float32Array(values.length)]));
  expect(lastApart(expected, await logitsWith(runtime, model, { ...adapter, tensors: idle }))).toBeGreaterThan(0.01);
  // Hone writes it again as PEFT reads it.
  const again = { ...adapter, model: model.definition, baseModel: "owner/base" };
  await expect(requireAdapter(writeAdapter(again), again)).resolves.toBeUndefined();
});

test.each(adapterCases.filter(({ refused }) => refused !== null))("$name: refused by name", async (row) => {
  const model = await modelOf(row.family);
  const message = await openAdapter(join(goldenFolder, row.name), model).then(
    () => "",
    (error: Error) => error.message,
  );
  expect(message).toContain(row.refused);
  expect(message.length).toBeLessThan(300);
});
