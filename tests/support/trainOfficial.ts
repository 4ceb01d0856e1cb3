/** Trains a set of official artifacts step by step. */

import { type OfficialSet, openOfficial } from "../../src/artifacts/official.ts";
import { type NamedFiles, officialFolder } from "../../src/artifacts/officialFiles.ts";
import type { OrtCheckpoint } from "../../src/onnx/ortCheckpoint.ts";
import type { DeviceTensor, Runtime } from "../../src/runtime/types.ts";
import { createOfficialProgram } from "../../src/training/official.ts";
import type { OfficialFeeds } from "../../src/training/officialFeeds.ts";
import { restoreOfficial, uploadOfficial } from "../../src/training/officialState.ts";
import { disposeAll } from "../../src/training/parameters.ts";
import type { TrainingProgram } from "../../src/training/program.ts";

export interface OpenedSet {
  readonly set: OfficialSet;
  readonly checkpoint: OrtCheckpoint;
  readonly parameters: ReadonlyMap<string, DeviceTensor>;
  readonly program: TrainingProgram<OfficialFeeds, Readonly<Record<string, readonly number[]>>>;
  /** Updates that the checkpoint already had. */
  readonly done: number;
  dispose(): void;
}

/** Opens the files; `checkpoint` replaces that of the files. */
export async function openSet(
  runtime: Pick<Runtime, "tensor" | "session" | "prepare">,
  files: NamedFiles,
  checkpoint = officialFolder(files).checkpoint,
): Promise<OpenedSet> {
  const set = openOfficial(officialFolder(files).files, checkpoint);
  const parameters = uploadOfficial(runtime, set, checkpoint);
  const program = createOfficialProgram<OfficialFeeds>({ runtime, set, parameters, feedsOf: (batch) => batch });
  const done = await restoreOfficial(program, checkpoint);
  const dispose = () => {
    program.dispose();
    disposeAll(parameters);
  };
  return { set, checkpoint, parameters, program, done, dispose };
}

/** Runs each step's micro-batches and its update. */
export async function trainSteps(
  { program, parameters, done }: OpenedSet,
  steps: readonly (readonly OfficialFeeds[])[],
  rate = 1e-3,
): Promise<{ readonly losses: number[]; readonly parameterNorms: number[] }> {
  const [losses, parameterNorms] = [[] as number[], [] as number[]];
  for (const [step, batches] of steps.entries()) {
    for (const [i, batch] of batches.entries()) losses.push((await program.microBatch(batch, i === 0)).lossSum);
    await program.update({ t: done + step + 1, learningRate: rate, denominator: 1 });
    parameterNorms.push(await normOf(parameters));
  }
  return { losses, parameterNorms };
}

/** L2 norm of all parameters. */
async function normOf(parameters: ReadonlyMap<string, DeviceTensor>): Promise<number> {
  let squares = 0;
  for (const tensor of parameters.values())
    for (const value of await tensor.read()) squares += Number(value) * Number(value);
  return Math.sqrt(squares);
}

/** max |actual ÷ expected − 1| */
export const worstRatio = (actual: readonly number[], expected: readonly number[]): number =>
  actual.length === expected.length
    ? Math.max(...actual.map((value, i) => Math.abs(value / (expected[i] as number) - 1)))
    : Number.POSITIVE_INFINITY;
