/** PyTorch as an entrant: finds a Python with it, passes the problem in files, and communicates line by line. */

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { closeSync, mkdtempSync, openSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { projectRoot } from "../../scripts/setup.mjs";
import { parametersOf } from "../../src/artifacts/method.ts";
import type { Sample } from "./calls.ts";
import type { StepResult } from "./engine.ts";
import type { Entrant, Task } from "./entrant.ts";
import { frequenciesOf, lora, optimizer, problemOf } from "./problem.ts";
import { residentOf } from "./tab.ts";

const python = process.env.PYTHON || "python3";

/** Whether PYTHON, or else python3, has PyTorch. */
export function hasTorch(): boolean {
  return spawnSync(python, ["-c", "import torch"], { stdio: "ignore" }).status === 0;
}

/** Starts PyTorch on a problem and takes its first step. */
export async function openTorch({ size, method, change }: Omit<Task, "engine" | "backend">): Promise<Entrant> {
  const folder = mkdtempSync(join(tmpdir(), "hone-bench-"));
  writeProblem(folder, { size, method, change });
  const began = performance.now();
  const child = spawn(python, [join(projectRoot, "bench", "step", "pytorch.py"), folder], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async <T>(): Promise<T> => {
    const { value, done } = await lines.next();
    if (done) throw new Error("PyTorch ended; its output is above.");
    const { failure, ...answer } = JSON.parse(value) as T & { failure?: string };
    if (failure !== undefined) throw new Error(failure);
    return answer as T;
  };
  const request = async <T>(name: string, args: object = {}): Promise<T> => {
    child.stdin.write(`${JSON.stringify({ name, arguments: args })}\n`);
    return (await next<{ value: T }>()).value;
  };
  const close = async () => {
    child.stdin.end();
    if (child.exitCode === null) await once(child, "exit");
    rmSync(folder, { recursive: true, force: true });
  };
  const resident = () => (child.pid === undefined ? null : residentOf(child.pid));
  try {
    await next();
    const blank = resident();
    const { version, ...first } = await request<StepResult & { version: string }>("open");
    return {
      engine: "torch",
      backend: "native",
      version,
      opened: { ...first, timeToFirstStepMs: performance.now() - began },
      blank,
      steps: (count) => request<Sample>("steps", { count }),
      matrixPeak: (chain) => request<number>("matrixPeak", chain),
      resident,
      memoryUse: async () => null,
      bytesLoaded: () => null,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Writes problem.json, and weights.bin with the float32 values of every parameter in the order of the list. */
function writeProblem(
  folder: string,
  { size, method: methodName, change }: Pick<Task, "size" | "method" | "change">,
): void {
  const { model, config, method, shape, batch, values } = problemOf(size, methodName, change);
  const parameters = parametersOf(model, method);
  const file = openSync(join(folder, "weights.bin"), "w");
  const drawn = values();
  for (const { name } of parameters) writeSync(file, new Uint8Array(drawn.get(name)?.buffer ?? new ArrayBuffer(0)));
  closeSync(file);
  const problem = {
    config,
    optimizer,
    lora,
    rows: shape.rows,
    length: shape.length,
    parameters: parameters.map(({ name, shape, trainable }) => ({ name, shape, trainable })),
    frequencies: frequenciesOf(model),
    denominator: batch.denominator,
    batch: {
      inputIds: [...batch.inputIds],
      supervisedIndex: [...batch.supervisedIndex],
      targets: [...batch.targets],
      lossWeights: [...batch.lossWeights],
    },
  };
  writeFileSync(join(folder, "problem.json"), JSON.stringify(problem));
}
