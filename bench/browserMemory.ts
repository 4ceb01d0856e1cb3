/** The memory of this program's browsers, measured from outside. */

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Bytes of all processes of this program's browsers, shared pages counted once (Linux: proportional set size). */
export function browserBytes(): number {
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
  let bytes = 0;
  for (const pid of family) {
    try {
      const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
      bytes += 1024 * Number(/^Pss:\s+(\d+)/m.exec(rollup)?.[1] ?? 0);
    } catch {
      // The process ended in the meantime.
    }
  }
  return bytes;
}

export interface MemoryMeter {
  /** Bytes now, and the most since the last call. */
  take(): { readonly now: number; readonly peak: number };
  stop(): void;
}

/** Milliseconds between two measurements: each takes some 20 of this process. */
const interval = 500;

/** Measures `browserBytes` twice a second. */
export function createMemoryMeter(): MemoryMeter {
  let peak = 0;
  const measure = () => {
    const now = browserBytes();
    peak = Math.max(peak, now);
    return now;
  };
  const timer = setInterval(measure, interval);
  return {
    take() {
      const now = measure();
      const taken = { now, peak };
      peak = now;
      return taken;
    },
    stop: () => clearInterval(timer),
  };
}
