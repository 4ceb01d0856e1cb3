/** `hone.json`: the run that exported weights come from, so that weights trained further elsewhere open beside it. */

import * as v from "valibot";
import { readJson } from "../hub/bytes.ts";
import { ModelError } from "../hub/error.ts";
import type { ModelFiles } from "../hub/files.ts";
import { openOptional } from "../hub/weights.ts";
import { LineageSchema, type RunLineage } from "../run/origin.ts";
import { jsonFile, type OutFile } from "./files.ts";

export const lineageName = "hone.json";

/** A longer file is not one of Hone's. */
const mostBytes = 10_000;

export const lineageFile = ({ runId, step }: RunLineage): OutFile => jsonFile(lineageName, { run: runId, step });

const schema = v.pipe(
  v.object({ run: v.unknown(), step: v.unknown() }),
  v.transform(({ run, step }) => ({ runId: run, step })),
  LineageSchema,
);

/** Null where the folder has no such file, or one that Hone did not write: weights open without it. */
export async function readLineage(files: ModelFiles, signal?: AbortSignal): Promise<RunLineage | null> {
  const source = await openOptional(files, lineageName, signal ? { signal } : {});
  if (source instanceof ModelError || source.byteLength > mostBytes) return null;
  try {
    const read = v.safeParse(schema, (await readJson(source, signal)).value);
    return read.success ? read.output : null;
  } catch (error) {
    if (error instanceof ModelError) return null;
    throw error;
  }
}
