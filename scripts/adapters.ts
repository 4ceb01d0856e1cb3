/**
 * `npm run adapters -- [--python PATH] [--only TEXT] [--json FILE] [--freeze]`: PEFT writes an adapter of each variant for small
 * models; Hone opens it, and its logits must be PEFT's, or it refuses it by name. Then a round trip of every family: an adapter of
 * Hone, trained two steps in PEFT, and a whole model, trained two steps in transformers, opened again. Exit 1 on a difference. `--freeze` writes the golden files. A development command.
 */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { linearsOf, type Method, parametersOf } from "../src/artifacts/method.ts";
import { writeAdapter } from "../src/export/adapter.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import type { Runtime } from "../src/runtime/types.ts";
import { sizeOf } from "../src/tensor/dtype.ts";
import { createRandom } from "../src/tensor/random.ts";
import { smallFamilies } from "../tests/support/smallFamilies.ts";
import { runCommand, writeJson } from "./harness/arguments.ts";
import { adapterCases } from "./oracle/adapterCases.ts";
import {
  adapterRow,
  adapterTolerance,
  goldenFolder,
  goldenTokens,
  lastApart,
  logitsOfTuned,
  logitsWith,
  openAdapter,
  openFamily,
  runPeft,
  writeBase,
} from "./oracle/adapters.ts";
import { peftMissing } from "./oracle/exports.ts";

interface Verdict {
  readonly name: string;
  /** Share of the largest logit; null where Hone did not open it. */
  readonly deviation: number | null;
  /** Hone's refusal; null where it opened it. */
  readonly refusal: string | null;
  readonly fault: string | null;
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Whole models of every family, trained two steps in transformers, as weights of a full training run. */
async function wholeModels(runtime: Runtime, python: string, place: string, only: string): Promise<Verdict[]> {
  const places = Object.keys(smallFamilies)
    .filter((family) => `whole ${family}`.includes(only))
    .map((family) => ({ family, base: join(place, "bases", family), folder: join(place, "whole", family) }));
  for (const { family, base } of places) writeBase(family, base);
  const cases = places.map(({ base, folder }) => ({ base, out: folder, train: null, row: adapterRow }));
  const answers = runPeft(python, cases);
  const verdicts: Verdict[] = [];
  for (const [index, { family, base, folder }] of places.entries()) {
    const answer = answers[index] ?? { error: "no result" };
    const name = `whole ${family}`;
    if ("error" in answer) {
      verdicts.push({ name, deviation: null, refusal: null, fault: answer.error });
      continue;
    }
    try {
      const own = await logitsOfTuned(runtime, folder, await openFamily(family, base));
      const deviation = lastApart(Float32Array.from(answer.logits.flat()), own);
      const fault = deviation <= adapterTolerance ? null : "the logits differ";
      verdicts.push({ name, deviation, refusal: null, fault });
    } catch (error) {
      verdicts.push({ name, deviation: null, refusal: messageOf(error), fault: "it is refused" });
    }
  }
  return verdicts;
}

/** Compares an adapter in a folder with PEFT's logits; `refused` is a part of the expected refusal. */
async function compare(
  runtime: Runtime,
  name: string,
  place: { readonly family: string; readonly base: string; readonly folder: string },
  logits: Float32Array,
  refused: string | null,
): Promise<Verdict> {
  const model = await openFamily(place.family, place.base);
  try {
    const adapter = await openAdapter(place.folder, model);
    if (refused !== null) return { name, deviation: null, refusal: null, fault: "it opened, but must be refused" };
    const deviation = lastApart(logits, await logitsWith(runtime, model, adapter));
    const fault = deviation <= adapterTolerance ? null : "the logits differ";
    return { name, deviation, refusal: null, fault };
  } catch (error) {
    const refusal = messageOf(error);
    const fits = refused !== null && refusal.includes(refused);
    return { name, deviation: null, refusal, fault: fits ? null : "it is refused otherwise than expected" };
  }
}

/** PEFT's variants. */
async function variants(runtime: Runtime, python: string, place: string, only: string, freeze: boolean) {
  const cases = adapterCases.filter(({ name }) => name.includes(only));
  const folderOf = (name: string) => join(freeze ? goldenFolder : place, name);
  const baseOf = (family: string) => join(place, "bases", family);
  for (const { family } of cases) writeBase(family, baseOf(family));
  const answers = runPeft(
    python,
    cases.map(({ name, family, refused: _, note: __, ...rest }) => ({
      ...rest,
      base: baseOf(family),
      out: folderOf(name),
      row: adapterRow,
    })),
  );
  const verdicts: Verdict[] = [];
  for (const [index, { name, family, refused }] of cases.entries()) {
    const answer = answers[index] ?? { error: "no result" };
    if ("error" in answer) {
      verdicts.push({ name, deviation: null, refusal: null, fault: answer.error });
      continue;
    }
    const logits = Float32Array.from(answer.logits.slice(-goldenTokens).flat());
    const folder = folderOf(name);
    if (freeze) {
      writeFileSync(join(folder, "logits.f32"), new Uint8Array(logits.buffer));
      rmSync(join(folder, "README.md"), { force: true });
    }
    verdicts.push(await compare(runtime, name, { family, base: baseOf(family), folder }, logits, refused));
  }
  return verdicts;
}

/** Adapters of Hone on every linear layer of a family, trained two steps in PEFT. */
async function roundTrips(runtime: Runtime, python: string, place: string, only: string): Promise<Verdict[]> {
  const places = Object.keys(smallFamilies)
    .filter((family) => `round trip ${family}`.includes(only))
    .map((family) => ({
      family,
      base: join(place, "bases", family),
      own: join(place, "own", family),
      folder: join(place, "trained", family),
    }));
  for (const { family, base, own } of places) {
    const { definition } = await openFamily(family, base);
    const targets = linearsOf(definition).map(({ name }) => name);
    const method: Extract<Method, { kind: "lora" }> = { kind: "lora", rank: 4, alpha: 6, targets };
    const random = createRandom(3);
    const trained = parametersOf(definition, method).filter(({ trainable }) => trainable);
    const tensors = new Map(
      trained.map(({ name, shape }) => [
        name,
        Float32Array.from({ length: sizeOf(shape) }, () => 0.2 * random.normal()),
      ]),
    );
    mkdirSync(own, { recursive: true });
    for (const { name, content } of writeAdapter({ model: definition, method, baseModel: base, tensors })) {
      writeFileSync(join(own, name), new Uint8Array(await content.arrayBuffer()));
    }
  }
  const cases = places.map(({ base, own, folder }) => ({ base, out: folder, train: own, row: adapterRow }));
  const answers = runPeft(python, cases);
  const verdicts: Verdict[] = [];
  for (const [index, where] of places.entries()) {
    const answer = answers[index] ?? { error: "no result" };
    const name = `round trip ${where.family}`;
    if ("error" in answer) verdicts.push({ name, deviation: null, refusal: null, fault: answer.error });
    else verdicts.push(await compare(runtime, name, where, Float32Array.from(answer.logits.flat()), null));
  }
  return verdicts;
}

async function main() {
  const { values } = parseArgs({
    options: {
      python: { type: "string", default: "python3" },
      only: { type: "string", default: "" },
      json: { type: "string" },
      freeze: { type: "boolean", default: false },
    },
  });
  const missing = peftMissing(values.python);
  if (missing !== null) {
    console.info(`Skipped: ${missing}.`);
    return;
  }
  const place = mkdtempSync(join(tmpdir(), "hone-adapters-"));
  const runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
  try {
    const { python, only, freeze } = values;
    const verdicts = await variants(runtime, python, place, only, freeze);
    if (!freeze) {
      verdicts.push(...(await roundTrips(runtime, python, place, only)));
      verdicts.push(...(await wholeModels(runtime, python, place, only)));
    }
    for (const { name, deviation, refusal, fault } of verdicts) {
      const found = deviation === null ? (refusal ?? "") : deviation.toExponential(1);
      console.info(`${fault === null ? "ok  " : "FAIL"} ${name}: ${fault === null ? "" : `${fault}: `}${found}`);
    }
    const failed = verdicts.filter(({ fault }) => fault !== null).length;
    console.info(`\n${verdicts.length} adapters, ${failed} with differences.`);
    writeJson(values.json, verdicts);
    process.exitCode = failed > 0 ? 1 : 0;
  } finally {
    await runtime.dispose();
    rmSync(place, { recursive: true, force: true });
  }
}

runCommand(main);
