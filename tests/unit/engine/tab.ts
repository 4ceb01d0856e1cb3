/** A tab with the tiny model over a disk that survives it, and what a run leaves there. */

import { createEngine } from "../../../src/engine/engine.ts";
import type { DataApi } from "../../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../../../src/protocol/engine.ts";
import { alone } from "../../../src/protocol/tabs.ts";
import { stepsOf } from "../../../src/run/curves.ts";
import type { RunRecord } from "../../../src/run/record.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { asFiles, tinyModel } from "../../support/tinyLlama.ts";
import { type Disk, loadWhole, tabOn } from "../storage/backend.ts";

export async function openTab(disk: Disk, data: DataApi, onEvent: (event: EngineEvent) => void = () => {}) {
  const engine = await createEngine(
    nodeEntries,
    onEvent,
    async () => data,
    alone,
    () => openStorage(tabOn(disk)),
  );
  await engine.start("wasm");
  const { hash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()), name: "tiny" });
  return { engine, hash };
}

/** Weights, moments and what else a checkpoint has as bytes, curves without times, and the record's results. */
export async function leftBy(disk: Disk, engine: EngineApi, run: RunRecord) {
  const { steps, evaluations } = await engine.curvesOf(run.id);
  const { step, tensors } = await loadWhole(await openStorage(tabOn(disk)), run.id);
  const metrics = stepsOf(steps).map(({ seconds: _, ...rest }) => rest);
  const { samples, stages, progress, best, exam } = run;
  return { step, tensors, metrics, evaluations, samples, stages, progress, best, exam };
}
