/** Opens an adapter in Hone and compares its logits with those that PEFT computed in float64. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parametersOf } from "../../src/artifacts/method.ts";
import type { LoadedModel } from "../../src/engine/library.ts";
import { readTunedModel } from "../../src/engine/tunedModel.ts";
import { type ReadAdapter, readAdapter } from "../../src/export/readAdapter.ts";
import { bytesFromBlob } from "../../src/hub/bytes.ts";
import { modelFromSources } from "../../src/hub/files.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { disposeAll, parameterPieces, uploadParameters } from "../../src/training/parameters.ts";
import { smallFamilies, smallFolder } from "../../tests/support/smallFamilies.ts";
import { apart, compute, filesOf, openFolder } from "./exported.ts";

const script = fileURLToPath(new URL("./adapters.py", import.meta.url));

/** Largest difference of two logits, as a share of the largest: float32 beside float64. */
export const adapterTolerance = 2e-5;

/** The row whose logits are compared; all ids are in the vocabulary of `smallFamilies`. */
export const adapterRow = [5, 17, 261, 40, 88, 3, 199, 64, 120, 7];

/** Writes the folder of a small model. */
export function writeBase(family: string, folder: string): string {
  mkdirSync(folder, { recursive: true });
  const config = smallFamilies[family];
  if (!config) throw new Error(`There is no small model ${family}.`);
  for (const [file, content] of Object.entries(smallFolder(config))) writeFileSync(join(folder, file), content);
  return folder;
}

/** The small model of a family, opened. */
export const openFamily = (family: string, folder: string): Promise<LoadedModel> =>
  openFolder(writeBase(family, folder));

/** An adapter's folder, read for a model. Throws as `readAdapter` does. */
export function openAdapter(folder: string, { definition, opened }: LoadedModel): Promise<ReadAdapter> {
  const sources = filesOf(folder).map((file) => bytesFromBlob(file.name, file));
  return readAdapter(modelFromSources("adapter", sources), definition, opened.read);
}

/** Hone's logits (tokens, V) of `adapterRow` with an adapter, float32. */
export async function logitsWith(runtime: Runtime, model: LoadedModel, adapter: ReadAdapter): Promise<Float32Array> {
  const specs = parametersOf(model.definition, adapter.method);
  const parameters = await uploadParameters(
    runtime,
    specs,
    (spec) => adapter.tensors.get(spec.name) ?? parameterPieces(spec, model.opened.pieces),
  );
  try {
    return (await compute(runtime, model, adapter.method, parameters, Int32Array.from(adapterRow))).logits;
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** Hone's logits of `adapterRow` with a whole model that transformers trained and wrote. Throws as `readTunedModel` does. */
export async function logitsOfTuned(runtime: Runtime, folder: string, model: LoadedModel): Promise<Float32Array> {
  const sources = filesOf(folder).map((file) => bytesFromBlob(file.name, file));
  const weights = await readTunedModel(modelFromSources("tuned", sources), model, undefined);
  const specs = parametersOf(model.definition, weights.method);
  const parameters = await uploadParameters(runtime, specs, ({ name }) => weights.read(name));
  try {
    return (await compute(runtime, model, weights.method, parameters, Int32Array.from(adapterRow))).logits;
  } finally {
    disposeAll(parameters);
    await runtime.releaseSessions();
  }
}

/** The last tokens whose logits a golden file has. */
export const goldenTokens = 3;

/** Largest difference from PEFT's logits of the row's last tokens, as a share of the largest of these. */
export const lastApart = (peft: Float32Array, own: Float32Array): number =>
  apart(peft, own.subarray(own.length - peft.length));

type Answer = { readonly logits: readonly (readonly number[])[] } | { readonly error: string };

/** Runs PEFT on cases of adapters.py. */
export function runPeft(python: string, cases: readonly object[]): Answer[] {
  const { stdout, stderr, status } = spawnSync(python, [script], {
    input: JSON.stringify(cases),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(`${python} failed: ${stderr.slice(-300)}`);
  return JSON.parse(stdout) as Answer[];
}

export const goldenFolder = fileURLToPath(new URL("../../tests/golden/adapters", import.meta.url));

/** PEFT's logits of a golden adapter: float32, little-endian. */
export const goldenLogits = (folder: string): Float32Array =>
  new Float32Array(new Uint8Array(readFileSync(join(folder, "logits.f32"))).buffer);

export const goldenNames = (): string[] => readdirSync(goldenFolder).sort();
