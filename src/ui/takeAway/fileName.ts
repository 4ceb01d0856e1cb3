import type { RunRecord } from "../../run/record.ts";

/** The run's name with only characters that every file system allows; its id if none is left. */
export function fileName(run: RunRecord): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}

/** The name of an archive; `step` is its checkpoint's, null for none or several. */
export const archiveName = (run: RunRecord, kind: string, step: number | null) =>
  [fileName(run), ...(step === null ? [] : [`step-${step}`]), kind, "zip"].join(".");
