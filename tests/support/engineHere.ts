/** Engine and data desk in the test's own thread, with no worker between, and rows taken in as a page would. */

import { createDataDesk } from "../../src/datasets/datasets.ts";
import { createEngine } from "../../src/engine/engine.ts";
import type { DataApi } from "../../src/protocol/datasets.ts";
import type { EngineApi, EngineEvent } from "../../src/protocol/engine.ts";
import { type SourceChoice, wholeSource } from "../../src/run/source.ts";
import { browserEntries } from "../../src/runtime/browserEntries.ts";
import { openStorage } from "../../src/storage/storage.ts";

export async function engineHere(
  emit: (event: EngineEvent) => void = () => undefined,
): Promise<{ engine: EngineApi; data: DataApi }> {
  const data = createDataDesk(await openStorage(), () => undefined);
  return { engine: await createEngine(browserEntries, emit, async () => data), data };
}

/** Rows as a file of JSON, taken in. */
export async function takeIn(data: DataApi, rows: unknown, name = "pairs.json"): Promise<SourceChoice> {
  const { sources, failures } = await data.open([new File([JSON.stringify(rows)], name)]);
  if (!sources[0]) throw new Error(failures.map(({ message }) => message).join(" "));
  return wholeSource(sources[0].hash);
}
