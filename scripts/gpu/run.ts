/** Runs the parts of `npm run gpu` one after another, each in a process of its own with a limit of its own. */

import { fork } from "node:child_process";
import { scriptBeside } from "../harness/beside.ts";
import type { ChildMessage, ChildRequest } from "./child.ts";
import type { AdapterFacts } from "./part.ts";
import type { PartEntry } from "./parts.ts";
import { type PartResult, type Row, rowText } from "./row.ts";
import { type Effort, type Scale, scaleOf } from "./scale.ts";

/** Seconds for the start of a process and its device, which may compile for long on an emulated adapter. */
const startSeconds = 30;

export interface Report {
  readonly adapter: AdapterFacts;
  readonly rule: string;
  readonly parts: readonly PartResult[];
}

export interface RunOptions extends Effort {
  readonly parts: readonly PartEntry[];
  print(line: string): void;
  /** Receives the report after each part. */
  save(report: Report): void;
}

/** Prints each row as it comes. Returns the report, or the reason as a sentence why nothing runs here. */
export async function runParts({ quick, deep, parts, print, save }: RunOptions): Promise<Report | string> {
  const effort = { quick, deep };
  const found: Known[] = [];
  const results: PartResult[] = [];
  for (const { name, seconds } of parts) {
    let missing: string | null = null;
    const patience = found[0]?.scale.patience ?? scaleOf(true, effort).patience;
    const result = await runPart({ part: name, ...effort }, startSeconds + patience * seconds, (message) => {
      if (message.kind === "missing") missing = message.reason;
      if (message.kind === "adapter" && found.length === 0) {
        const { adapter } = message;
        const scale = scaleOf(adapter.emulated, effort);
        found.push({ adapter, scale });
        print(`${adapter.name}\nSizes: ${scale.rule}.`);
      }
      if (message.kind === "adapter") print(`\n${name}`);
      if (message.kind === "row") print(rowText(message.row));
    });
    if (missing !== null) return missing;
    results.push(result);
    if (result.error !== null) print(`  ended early: ${result.error}`);
    print(`  ${result.seconds.toFixed(1)} s`);
    for (const known of found) save(reportOf(known, results));
  }
  const [known] = found;
  if (!known) throw new Error(`No device opened: ${results.map(({ error }) => error).join("; ")}`);
  return reportOf(known, results);
}

interface Known {
  readonly adapter: AdapterFacts;
  readonly scale: Scale;
}

const reportOf = ({ adapter, scale }: Known, parts: readonly PartResult[]): Report => ({
  adapter,
  rule: scale.rule,
  parts,
});

/** Resolves also when the process crashes or is too slow. */
function runPart(
  request: ChildRequest,
  limitSeconds: number,
  listen: (message: ChildMessage) => void,
): Promise<PartResult> {
  const began = performance.now();
  const rows: Row[] = [];
  const child = fork(scriptBeside(import.meta.url, "child"));
  return new Promise((resolve) => {
    let error: string | null = null;
    let ended = false;
    const limit = setTimeout(() => {
      error = `it took more than its ${limitSeconds} s`;
      child.kill("SIGKILL");
    }, 1000 * limitSeconds);
    child.on("message", (message: ChildMessage) => {
      if (message.kind === "row") rows.push(message.row);
      if (message.kind === "end") {
        ended = true;
        error = message.error;
      }
      listen(message);
    });
    child.on("exit", (code, signal) => {
      clearTimeout(limit);
      if (!ended) error ??= `its process ended with ${signal ?? `code ${code}`}`;
      resolve({ part: request.part, seconds: (performance.now() - began) / 1000, rows, error });
    });
    child.send(request);
  });
}
