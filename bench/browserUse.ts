/** Memory and processor time of this program's browsers, measured from outside (Linux). */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Process ids of this program's browsers. */
function browserProcesses(): ReadonlySet<number> {
  const listing = execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" });
  const parents = listing
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number) as [number, number]);
  const family = new Set([process.pid]);
  for (let size = 0; size !== family.size; ) {
    size = family.size;
    for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
  }
  family.delete(process.pid);
  return family;
}

/** A file of a process; "" where it ended in the meantime. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Bytes of all processes of this program's browsers, shared pages counted once (proportional set size). */
export function browserBytes(): number {
  let bytes = 0;
  for (const pid of browserProcesses()) {
    bytes += 1024 * Number(/^Pss:\s+(\d+)/m.exec(read(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
  }
  return bytes;
}

/** Kernel ticks per second. */
const ticks = 100;

/** Seconds of processor time since the machine started: of the browsers' present processes, and of everything. */
function processorSeconds(): { readonly browsers: number; readonly all: number } {
  let browsers = 0;
  for (const pid of browserProcesses()) {
    // The command may have spaces, so fields count from its closing bracket: utime and stime are the 14th and 15th.
    const fields = read(`/proc/${pid}/stat`).split(") ")[1]?.split(" ") ?? [];
    browsers += Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  }
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = read("/proc/stat")
    .split("\n", 1)
    .flatMap((line) => line.trim().split(/\s+/).slice(1).map(Number));
  return { browsers: browsers / ticks, all: (user + nice + system + irq + softirq) / ticks };
}

export interface Use {
  /** Bytes now, and the most since the last call. */
  readonly now: number;
  readonly peak: number;
  readonly seconds: number;
  /** Mean number of cores in use since the last call: by the browsers, and by other programs. */
  readonly cores: { readonly browsers: number; readonly others: number };
}

/** Processor seconds of the browsers up to a time, in milliseconds since 1970. */
export interface Sample {
  readonly at: number;
  readonly processorSeconds: number;
}

export interface Meter {
  take(): Use;
  /** All samples so far, in order. */
  readonly samples: readonly Sample[];
  stop(): void;
}

/** Processor seconds of the browsers between two times, interpolated between samples. */
export function processorSecondsBetween(samples: readonly Sample[], from: number, to: number): number {
  const upTo = (time: number) => {
    const next = samples.findIndex(({ at }) => at >= time);
    const after = samples[next] ?? samples.at(-1);
    const before = samples[next - 1] ?? after;
    if (!after || !before) return 0;
    const share = after.at > before.at ? (time - before.at) / (after.at - before.at) : 0;
    return before.processorSeconds + Math.min(1, share) * (after.processorSeconds - before.processorSeconds);
  };
  return upTo(to) - upTo(from);
}

/** Milliseconds between two measurements: each takes some 50 of a core, and the browser waits for some of them. */
const interval = 2_000;

/** Measures `browserBytes` every two seconds. */
export function createMeter(): Meter {
  let peak = 0;
  const samples: Sample[] = [];
  const measure = () => {
    const now = browserBytes();
    peak = Math.max(peak, now);
    samples.push({ at: Date.now(), processorSeconds: processorSeconds().browsers });
    return now;
  };
  const timer = setInterval(measure, interval);
  let since = { at: performance.now(), ...processorSeconds() };
  return {
    take() {
      const now = measure();
      const at = { at: performance.now(), ...processorSeconds() };
      const seconds = (at.at - since.at) / 1000;
      const browsers = (at.browsers - since.browsers) / seconds;
      const cores = { browsers, others: (at.all - since.all) / seconds - browsers };
      const taken = { now, peak, seconds, cores };
      peak = now;
      since = at;
      return taken;
    },
    samples,
    stop: () => clearInterval(timer),
  };
}
