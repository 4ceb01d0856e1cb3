import type { RunRecord } from "../../run/record.ts";

/** A run, or a recipe that has a name. */
export type Named = Pick<RunRecord, "id" | "name">;

/** The run's name with only characters that every file system allows; its id if none is left. */
export function fileName(run: Named): string {
  return run.name.replace(/[^\w.-]+/g, "-").replace(/^-+|-+$/g, "") || run.id;
}

/** The name of an archive; `step` is its checkpoint's, null for none or several; 0 is of a run without steps. */
export const archiveName = (run: Named, kind: string, step: number | null) =>
  [fileName(run), ...(step ? [`step-${step}`] : []), kind, "zip"].join(".");
