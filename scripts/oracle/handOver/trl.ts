/** Trains a model in Hone, hands the run over, and goes on with it in TRL, in a Python of its own. */

import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { openArchive } from "../../../src/export/openArchive.ts";
import { stepsOf } from "../../../src/run/curves.ts";
import type { Recipe } from "../../../src/run/recipe.ts";
import { wholeSource } from "../../../src/run/source.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { engineHere } from "../../../tests/support/engineHere.ts";

/** Steps of the run in Hone; the losses of the first ten are compared. */
export const compared = 10;
const steps = compared + 2;

/** Largest difference of the first loss, and of each of the ten. */
export const tolerances = { first: 1e-4, each: 1e-2 };

/** Why Python cannot run TRL; null where it can. */
export function trlMissing(python: string): string | null {
  const { status, error } = spawnSync(python, ["-c", "import torch, trl, peft, yaml"], { stdio: "ignore" });
  if (error) return `${python} is not installed`;
  return status === 0 ? null : `${python} has no trl and peft: install trl 1.13 by pip, or use --python PATH`;
}

export interface HandOverCase {
  readonly name: string;
  /** A model's folder. */
  readonly model: string;
  /** Files of rows; also those of a run's file, because its rows are in the engine's storage alone here. */
  readonly data: readonly string[];
  readonly run: string | null;
  readonly recipe: Recipe | null;
}

/** A hand-over in a folder, and the run's own losses. */
export interface HandedOver {
  readonly folder: string;
  readonly losses: readonly number[];
  /** Step of the checkpoint in the zip; null without one. */
  readonly step: number | null;
  /** Steps of each stage. */
  readonly stages: readonly number[];
  readonly notes: readonly string[];
}

const filesIn = (folder: string) =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => new File([readFileSync(join(folder, name))], name));

/** Trains, or imports a run's file, and writes its hand-over into `folder`, with the model's files in its `base`. */
export async function handOver({ name, model, data, run, recipe }: HandOverCase, folder: string): Promise<HandedOver> {
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  const { hash: modelHash, contextLength } = await engine.openModel({ kind: "files", files: filesIn(model), name });
  const { sources } = await here.data.open(data.map((file) => new File([readFileSync(file)], basename(file))));
  const record = await (async () => {
    if (run !== null) return (await engine.importRun(new File([readFileSync(run)], "run.zip"))).record;
    if (recipe === null) throw new Error(`${name} has no recipe.`);
    const linears = (await engine.modelDetails(modelHash)).linears;
    const maxLength = Math.min(recipe.maxLength, contextLength);
    const settings = { ...recipe, maxLength, lora: { ...recipe.lora, targets: linears } };
    const trained = await engine.startRun({
      name,
      modelHash,
      sources: sources.map(({ hash }) => wholeSource(hash)),
      recipe: { ...settings, checkpointEvery: compared, keepLast: 4 },
    });
    if (trained.status !== "finished") throw new Error(`${name}: ${trained.reason ?? trained.status}`);
    return trained;
  })();
  const stored = (await engine.checkpointsOf(record.id)).map(({ step }) => step);
  const step = stored.includes(compared) ? compared : null;
  const { archive, notes } = await engine.exportHandOver(record.id, step);
  for (const file of await openArchive(`${name}.zip`, archive)) {
    const path = join(folder, file.name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, new Uint8Array(await file.content.arrayBuffer()));
  }
  symlinkSync(model, join(folder, "base"));
  const curves = await engine.curvesOf(record.id);
  const stages = record.stages.map((stage) => stage.steps);
  return { folder, losses: stepsOf(curves.steps).map(({ loss }) => loss), step, stages, notes };
}

/** The recipe of a case without a file: a few steps with every kind of setting that changes them. */
export const shortRun = { steps, evaluateEvery: 100, samplePrompts: 0, watchEvery: null } as const;

/** The comparison of a hand-over in TRL with the run. */
export interface HandOverVerdict {
  readonly name: string;
  /** Absolute differences of the losses of the first steps; null where TRL did not train. */
  readonly first: number | null;
  readonly largest: number | null;
  /** The same for the step after the checkpoint, where Hone's weights go on there. */
  readonly continued: number | null;
  /** The largest of the first three losses in two processes. */
  readonly processes: number | null;
  readonly faults: readonly string[];
}

/** Python's environment: on the processor, without a network. */
const alone = {
  ACCELERATE_USE_CPU: "true",
  HF_HUB_OFFLINE: "1",
  OMP_NUM_THREADS: "1",
  TOKENIZERS_PARALLELISM: "false",
};

const twoProcesses = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"];

/** The stage of the step after `step`, from 1. */
function stageAt(stages: readonly number[], step: number): number {
  const ends = stages.map((_, i) => stages.slice(0, i + 1).reduce((sum, planned) => sum + planned, 0));
  return (
    1 +
    Math.max(
      0,
      ends.findIndex((end) => step < end),
    )
  );
}

/** Runs the zip's own scripts. */
export function runThere(python: string, name: string, { folder, losses, step, stages }: HandedOver): HandOverVerdict {
  const faults: string[] = [];
  const call = (what: string, args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(python, args, {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, ...alone },
      timeout: 600_000,
    });
    if (status !== 0) faults.push(`${what}: ${(stdout + stderr).trim().slice(-400)}`);
    return status === 0;
  };
  const train = (what: string, args: readonly string[], launch: readonly string[] = []): number[] => {
    const file = `losses${launch.length}${args.join("")}.json`;
    const done = call(what, [...launch, "trl/train.py", "--losses", file, ...args]);
    return done ? JSON.parse(readFileSync(join(folder, file), "utf8")) : [];
  };
  call("the template alone", ["check_batch.py", "--base", "base"]);
  call("TRL's first batch", ["trl/train.py", "--check"]);
  call("LLaMA-Factory's dataset", ["llamafactory/prepare.py"]);
  call("LLaMA-Factory's first batch", ["check_batch.py", "--prepared", "llamafactory/tokens/stage-1"]);
  const apart = (theirs: readonly number[], from: number) =>
    theirs.map((loss, i) => Math.abs(loss - (losses[from + i] ?? Number.NaN)));
  const begun: number[] = [];
  for (const [index, planned] of stages.entries()) {
    const from = stages.slice(0, index).reduce((sum, one) => sum + one, 0);
    const count = Math.min(planned, compared);
    const args = ["--stage", String(index + 1), "--steps", String(count)];
    const theirs = train(`stage ${index + 1} from its beginning`, args);
    if (theirs.length !== count) faults.push(`stage ${index + 1} has ${theirs.length} losses instead of ${count}`);
    begun.push(...apart(theirs, from));
    // A later stage goes on from the whole stage before it.
    if (count < planned) break;
  }
  const [first = null] = begun;
  const largest = begun.length > 0 ? Math.max(...begun) : null;
  const [continued = null] =
    step === null
      ? []
      : apart(
          train("going on", ["--stage", String(stageAt(stages, step)), "--from-step", String(step), "--steps", "2"]),
          step,
        );
  const both = apart(train("two processes", ["--steps", "3"], twoProcesses), 0);
  if (both.length !== Math.min(3, stages[0] ?? 0)) faults.push(`two processes have ${both.length} losses`);
  const within = (what: string, value: number | null, most: number) => {
    if (value !== null && !(value <= most)) faults.push(`${what} differs by ${value.toExponential(1)}`);
  };
  within("the first loss", first, tolerances.first);
  within("a loss", largest, tolerances.each);
  within("the loss after the checkpoint", continued, tolerances.first);
  const processes = both.length > 0 ? Math.max(...both) : null;
  within("a loss of two processes", processes, tolerances.each);
  return { name, first, largest, continued, processes, faults };
}
