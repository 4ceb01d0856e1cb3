/** Which file of a folder is which part of a set of ONNX Runtime's training artifacts. */

import type { ExternalData } from "../onnx/foreignTensor.ts";
import { GraphError } from "../onnx/graph.ts";
import { type OrtCheckpoint, readOrtCheckpoint } from "../onnx/ortCheckpoint.ts";
import { cut } from "../tensor/quote.ts";
import type { OfficialFiles } from "./official.ts";

/** Files by name, without a folder in front. */
export type NamedFiles = ReadonlyMap<string, Uint8Array>;

export interface OfficialFolder {
  readonly files: OfficialFiles;
  readonly checkpoint: OrtCheckpoint;
  /** Name of the checkpoint's file, for messages. */
  readonly checkpointName: string;
}

/** generate_artifacts may put a prefix before these names. */
const modelNames = {
  training: "training_model.onnx",
  evaluation: "eval_model.onnx",
  optimizer: "optimizer_model.onnx",
} as const;

/** FlatBuffers' identifier of a checkpoint, at byte 4. */
const isCheckpoint = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes.subarray(4, 8)) === "ODTC";

/**
 * Finds the models by their names and the checkpoint by its content. Throws a GraphError that names what is missing, or two
 * files for one part.
 */
export function officialFolder(named: NamedFiles): OfficialFolder {
  const names = [...named.keys()].sort();
  const only = (found: readonly string[], what: string): string | null => {
    if (found.length > 1) throw new GraphError(`there are two files for ${what}: ${cut(found.join(", "), 120)}`);
    return found[0] ?? null;
  };
  const model = (name: string) => {
    const found = named.has(name)
      ? name
      : only(
          names.filter((file) => file.endsWith(name)),
          name,
        );
    return found === null ? null : (named.get(found) as Uint8Array);
  };
  const training = model(modelNames.training);
  if (!training)
    throw new GraphError(`there is no ${modelNames.training} among ${cut(names.join(", "), 120) || "the files"}`);
  const checkpointName = only(checkpointsOf(named, names), "the checkpoint");
  if (checkpointName === null)
    throw new GraphError("there is no checkpoint: generate_artifacts writes it beside the models, as checkpoint");
  return {
    files: {
      training,
      evaluation: model(modelNames.evaluation),
      optimizer: model(modelNames.optimizer),
      external: externalFrom(named),
    },
    checkpoint: readOrtCheckpoint(named.get(checkpointName) as Uint8Array, named.get(`${checkpointName}.data`) ?? null),
    checkpointName,
  };
}

/** Every checkpoint; a nominal one, which has names alone, counts only where there is no other. */
function checkpointsOf(named: NamedFiles, names: readonly string[]): readonly string[] {
  const all = names.filter((name) => isCheckpoint(named.get(name) as Uint8Array));
  const whole = all.filter((name) => !name.startsWith("nominal"));
  return whole.length > 0 ? whole : all;
}

/** Reads a part of another file of the folder. Throws a GraphError when it is missing or too short. */
const externalFrom =
  (named: NamedFiles): ExternalData =>
  (location, offset, length) => {
    const name = location.replace(/^.*[/\\]/, "");
    const bytes = named.get(name);
    if (!bytes) throw new GraphError(`its tensors lie in the file ${cut(name)}; open it together with the model`);
    if (!(offset >= 0 && length >= 0 && offset + length <= bytes.byteLength))
      throw new GraphError(
        `bytes ${offset} to ${offset + length} lie outside the ${bytes.byteLength} of the file ${cut(name)}`,
      );
    return bytes.subarray(offset, offset + length);
  };
