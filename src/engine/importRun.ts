/** Imports a run from one file: everything is checked, then saved in one transaction. */

import * as v from "valibot";
import { parametersOf } from "../artifacts/method.ts";
import type { Wanted } from "../export/checkpointProblem.ts";
import { damagedFile } from "../export/files.ts";
import { ForeignJsonError, readForeignJson } from "../export/foreignJson.ts";
import { readRunFile } from "../export/readRunFile.ts";
import { exactText, type RunContents } from "../export/runFile.ts";
import { readJson } from "../hub/bytes.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import { defineModel } from "../models/define.ts";
import type { ImportedRun } from "../protocol/engine.ts";
import { deepestRow } from "../records/read/piece.ts";
import type { RunRecord } from "../run/record.ts";
import { errorText } from "../storage/errors.ts";
import type { FilesToSave } from "../storage/files.ts";
import { summaryOfForeign } from "../storage/rows.ts";
import type { Storage } from "../storage/storage.ts";
import { cut } from "../tensor/quote.ts";
import { checkRecipe, methodOf } from "./prepare.ts";
import { summarySchema } from "./summary.ts";

const rowBounds = { longest: 256 * 2 ** 20, deepest: deepestRow, areRows: true };

/** After an error, which names the file, or after a cancellation nothing stays in the storage. */
export async function importRunFile(
  storage: Storage,
  file: File,
  onProgress: (task: string, done: number, total: number | null) => void,
  signal: AbortSignal | undefined,
): Promise<ImportedRun> {
  const task = `Checking ${cut(file.name)}`;
  const contents = await readRunFile(file.name, file, {
    onProgress: (done, total) => onProgress(task, done, total),
    signal,
    trained: (record) => trainedBy(storage, file.name, record),
  });
  const rows = await checkedRows(file.name, contents, signal);
  onProgress("Importing the run", 0, null);

  const { runs } = await storage.runs.list();
  const twin = runs.find((other) => sameRun(other, readyRecord(contents, "")));
  if (twin) return { record: twin, added: false, notes: [`This browser already has this run, as "${twin.name}".`] };
  // An unreadable run has an id too.
  const taken = await storage.runs.isThere(contents.record.id);
  const record = readyRecord(contents, taken ? crypto.randomUUID() : contents.record.id);
  const notes = taken ? ["Another run has the same id, so this one got a new id."] : [];

  const { available } = await storage.report();
  const datasets: FilesToSave[] = [];
  for (const source of rows) {
    if (!available) {
      notes.push(
        `This browser stores nothing for this page: to resume, open the rows of ${source.name} again under Data.`,
      );
    } else if (!(await storage.datasets.get(source.hash).catch(() => null))) datasets.push(source);
  }
  const { curves, results } = contents;
  await storage.checkpoints.adopt(
    { record, curves, checkpoints: adoptable(contents, signal), datasets, results },
    signal,
  );
  return { record, added: true, notes };
}

/**
 * The record as it resumes here: a running run is paused, and a run that must go back gets a checkpoint from the file.
 */
function readyRecord({ record, checkpoints }: RunContents, id: string): RunRecord {
  const { resumeFrom, status } = record;
  const before = checkpoints.map(({ step }) => step).filter((step) => step <= (resumeFrom ?? 0));
  return {
    ...record,
    id,
    ...(status === "running" && { status: "paused" }),
    ...(resumeFrom !== null && { resumeFrom: Math.max(0, ...before) }),
  };
}

/** The rows, with summaries computed here. Throws where the run uses rows that do not exist. */
async function checkedRows(
  name: string,
  { rows, record }: RunContents,
  signal: AbortSignal | undefined,
): Promise<readonly FilesToSave[]> {
  const checked: FilesToSave[] = [];
  for (const { savedAt: _, ...source } of rows) {
    const readPiece = (piece: FilesToSave["files"][number]) =>
      readForeignJson(piece, rowBounds, { signal }).catch((error: unknown) => {
        throw error instanceof ForeignJsonError ? damagedFile(name, error.message, error) : error;
      });
    const summary = await summaryOfForeign(name, source, readPiece, signal);
    const problem = rowsProblem(record, source.hash, summary.rows);
    if (problem) throw damagedFile(name, `run.json: ${problem}`);
    checked.push({ ...source, summary });
  }
  return checked;
}

/** The problem of a run's row numbers in a source with `rows` rows; null without one. */
function rowsProblem({ sources, watch }: RunRecord, hash: string, rows: number): string | null {
  for (const [index, { hash: other, excluded, edits = [] }] of sources.entries()) {
    if (other !== hash) continue;
    const last = excluded.at(-1) ?? -1;
    if (last >= rows) return `sources.${index}.excluded has row ${last}, but there are ${rows} rows`;
    const edited = edits.at(-1)?.row ?? -1;
    if (edited >= rows) return `sources.${index}.edits has row ${edited}, but there are ${rows} rows`;
    const { source, row } = watch?.place ?? {};
    if (source !== index || row === undefined) continue;
    if (row >= rows) return `watch.place.row is ${row}, but source ${index} has ${rows} rows`;
    if (excluded.includes(row)) return `watch.place.row is ${row}, which the run leaves out`;
  }
  return null;
}

const adoptable = ({ checkpoints }: RunContents, signal: AbortSignal | undefined) =>
  checkpoints.map((checkpoint) => ({
    ...checkpoint,
    state: checkpoint.state as object,
    tensors: checkpoint.tensors.map((tensor) => ({
      ...tensor,
      read: () => tensor.slice(0, tensor.byteLength, signal),
    })),
  }));

/**
 * The parameters that the run trains; null without its base model. Throws where the model does not allow the run's
 * recipe.
 */
async function trainedBy(storage: Storage, name: string, { model, recipe }: RunRecord): Promise<Wanted | null> {
  const definition = await definitionOf(storage, model.hash);
  if (definition === null) return null;
  try {
    checkRecipe({ definition }, recipe);
  } catch (error) {
    throw damagedFile(name, `run.json: ${errorText(error)}`, error);
  }
  return parametersOf(definition, methodOf(recipe)).filter(({ trainable }) => trainable);
}

/** The model's definition from its config; null where the model is not stored or cannot be read. */
async function definitionOf(storage: Storage, hash: string): Promise<ModelDefinition | null> {
  try {
    const summary = v.safeParse(summarySchema, (await storage.models.get(hash))?.summary);
    const config = (await storage.models.open(hash))?.find(({ name }) => name === "config.json");
    const untied = summary.success && summary.output.untied;
    return config ? defineModel((await readJson(config)).value, { untied }) : null;
  } catch {
    return null;
  }
}

/** Whether two records are the same run in the same state, whatever their ids, names and notes. */
function sameRun(one: RunRecord, other: RunRecord): boolean {
  const core = (record: RunRecord) => exactText({ ...record, id: "", name: "", note: "", updatedAt: "" });
  return core(one) === core(other);
}
