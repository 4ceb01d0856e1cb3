import type { RunEntry } from "../../store/state.ts";

/** The run's name as every system takes it for a file. */
export function fileName(run: RunEntry): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}
