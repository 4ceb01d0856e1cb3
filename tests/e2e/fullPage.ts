/** In the page of the full-disk test: saves more than fits, then inspects what is left. */

import { StorageFullError } from "../../src/storage/errors.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { contents, file, loadWhole, patternBytes, runRecord } from "../unit/storage/backend.ts";

/** Several batches of writes: the first fits, a later one does not. */
const tooMuch = 75_000_000;

interface Refusal {
  readonly name: string;
  readonly message: string;
  readonly needed: number;
}

export interface Outcome {
  readonly full: Refusal;
  /** The refusal of an equally large model. */
  readonly model: Refusal;
  readonly left: {
    readonly step: number;
    /** Whether the earlier checkpoint has the bytes that were saved. */
    readonly sound: boolean;
    readonly recorded: number | undefined;
    readonly chunks: number;
    readonly orphans: number;
    readonly damaged: number;
  };
}

const next = () => contents(runRecord("r", 2), { w: patternBytes(tooMuch, 2) });

async function refusalOf(saving: Promise<unknown>): Promise<Refusal> {
  const error: unknown = await saving.catch((thrown: unknown) => thrown);
  if (!(error instanceof StorageFullError)) throw new Error(`It was saved, or failed otherwise: ${error}`);
  const { name, message, needed } = error;
  return { name, message, needed };
}

export async function saveTooMuch(): Promise<Outcome> {
  const storage = await openStorage();
  const before = patternBytes(1000, 1);
  await storage.checkpoints.save(contents(runRecord("r", 1), { w: before }));
  const full = await refusalOf(storage.checkpoints.save(next()));
  const files = [file("w", patternBytes(tooMuch, 5))];
  const model = await refusalOf(storage.models.save({ hash: "m", name: "tiny", summary: null, files }));
  const { step, tensors } = await loadWhole(storage, "r");
  const { w } = tensors;
  const sound = w instanceof Uint8Array && w.length === before.length && w.every((byte, i) => byte === before[i]);
  const recorded = (await storage.runs.get("r"))?.step;
  const { chunks, orphans, damaged } = await storage.audit();
  return { full, model, left: { step, sound, recorded, chunks, orphans, damaged } };
}

/** Returns the step of the stored checkpoint. */
export async function saveAgain(): Promise<number> {
  const storage = await openStorage();
  await storage.checkpoints.save(next());
  return (await loadWhole(storage, "r")).step;
}
