import type { RunRecord } from "../../run/record.ts";

/** The run's name as every system takes it for a file. */
export function fileName(run: RunRecord): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}
