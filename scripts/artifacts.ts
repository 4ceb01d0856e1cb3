/**
 * `npm run artifacts -- DIR --feeds FILE [--provider wasm|webgpu] [--steps N] [--rate R] [--json FILE] [--save FILE]`: trains ONNX
 * Runtime's training artifacts of a folder on one batch. FILE is JSON, `{ "input-0": { "dtype", "shape", "data" }, … }`. webgpu runs
 * under Node and needs the npm package webgpu (`HONE_WEBGPU` may name its folder) and a Vulkan driver.
 */

import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { openOfficial } from "../src/artifacts/official.ts";
import { type OfficialFolder, officialFolder } from "../src/artifacts/officialFiles.ts";
import { writeOrtCheckpoint } from "../src/onnx/ortCheckpoint.ts";
import { dawnEntries, stopDawn } from "../src/runtime/dawnEntries.ts";
import { nodeEntries } from "../src/runtime/nodeEntries.ts";
import type { OrtEntries } from "../src/runtime/provider.ts";
import { createRuntime } from "../src/runtime/runtime.ts";
import { createOfficialProgram } from "../src/training/official.ts";
import { type OfficialFeeds, readFeeds } from "../src/training/officialFeeds.ts";
import { restoreOfficial, saveOfficial, uploadOfficial } from "../src/training/officialState.ts";
import { disposeAll } from "../src/training/parameters.ts";
import { count, existing, oneOf, runCommand, writeJson } from "./harness/arguments.ts";

const usage =
  "npm run artifacts -- DIR --feeds FILE [--provider wasm|webgpu] [--steps N] [--rate R] [--json FILE] [--save FILE]";

/** ONNX Runtime's own learning rate. */
const defaultRate = 1e-3;

function readArguments() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      feeds: { type: "string" },
      provider: { type: "string", default: "wasm" },
      steps: { type: "string" },
      rate: { type: "string" },
      json: { type: "string" },
      save: { type: "string" },
    },
  });
  if (positionals.length > 1) throw new Error(`One folder is needed, not ${positionals.length}: ${usage}`);
  const rate = values.rate === undefined ? defaultRate : Number(values.rate);
  if (!(rate >= 0 && Number.isFinite(rate))) throw new Error(`--rate must be a number from 0, not ${values.rate}.`);
  return {
    folder: existing("folder", positionals[0], usage),
    feeds: existing("feeds", values.feeds, usage),
    provider: oneOf("provider", values.provider, ["wasm", "webgpu"]),
    steps: count("steps", values.steps) ?? 10,
    rate,
    json: values.json,
    save: values.save,
  };
}

/** The folder's own files; a folder inside it is left out. */
function openFolder(folder: string): OfficialFolder {
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).isFile());
  return officialFolder(new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))])));
}

/** Throws where there is no WebGPU under Node: a person asked for it. */
async function entriesFor(provider: "wasm" | "webgpu"): Promise<OrtEntries> {
  if (provider === "wasm") return nodeEntries;
  const entries = await dawnEntries();
  if (typeof entries === "string") throw new Error(entries);
  return entries;
}

interface Trained {
  /** Before each update. */
  readonly losses: readonly number[];
  /** L2 norm of all parameters after each update. */
  readonly parameterNorms: readonly number[];
  readonly gradientNorms: readonly number[];
}

async function train(
  { files, checkpoint }: OfficialFolder,
  feeds: OfficialFeeds,
  { provider, steps, rate, save }: ReturnType<typeof readArguments>,
): Promise<Trained> {
  const set = openOfficial(files, checkpoint);
  const runtime = await createRuntime(provider, { entries: await entriesFor(provider) });
  console.log(runtime.report.reason);
  const parameters = uploadOfficial(runtime, set, checkpoint);
  const program = createOfficialProgram<OfficialFeeds>({ runtime, set, parameters, feedsOf: (batch) => batch });
  const done = await restoreOfficial(program, checkpoint);
  const result = { losses: [] as number[], parameterNorms: [] as number[], gradientNorms: [] as number[] };
  for (let step = 1; step <= steps; step++) {
    const { lossSum } = await program.microBatch(feeds, true);
    const { gradientNorm } = await program.update({ t: done + step, learningRate: rate, denominator: 1 });
    let squares = 0;
    for (const tensor of parameters.values())
      for (const value of await tensor.read()) squares += Number(value) * Number(value);
    result.losses.push(lossSum);
    result.gradientNorms.push(gradientNorm);
    result.parameterNorms.push(Math.sqrt(squares));
    console.log(
      `step ${done + step}: loss ${lossSum.toPrecision(8)}, gradient norm ${gradientNorm.toPrecision(6)}, ` +
        `parameter norm ${Math.sqrt(squares).toPrecision(8)}`,
    );
  }
  if (save) {
    const state = await saveOfficial(program, parameters, checkpoint, { step: done + steps, learningRate: rate });
    writeFileSync(save, writeOrtCheckpoint(state).checkpoint);
  }
  program.dispose();
  disposeAll(parameters);
  await runtime.dispose();
  return result;
}

async function main() {
  const request = readArguments();
  const folder = openFolder(request.folder);
  const feeds = readFeeds(JSON.parse(readFileSync(request.feeds, "utf8")));
  try {
    const result = await train(folder, feeds, request);
    writeJson(request.json, { provider: request.provider, ...result });
  } finally {
    stopDawn();
  }
}

runCommand(main);
