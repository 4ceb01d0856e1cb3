import type { RunRecord } from "../../run/record.ts";

/** The run's name as every system takes it for a file. */
export function fileName(run: RunRecord): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}

/** The name of an archive; `step` is that of the checkpoint in it, null for none or several. */
export const archiveName = (run: RunRecord, kind: string, step: number | null) =>
  [fileName(run), ...(step === null ? [] : [`step-${step}`]), kind, "zip"].join(".");
