/** Reads an exported model back with the project's own readers and compares it with the expected one. */

import { checkpointTensors } from "../artifacts/method.ts";
import type { ExpectedTensor } from "../hub/expected.ts";
import { sha256 } from "../hub/hash.ts";
import { openModel } from "../hub/model.ts";
import { type Piece, piecesOf } from "../hub/pieces.ts";
import { readSafetensors, type StoredDType } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Shape } from "../tensor/dtype.ts";
import { type OutFile, readBackError, reopened } from "./files.ts";
import type { TemplateWriter } from "./template.ts";

export interface WantedTensor {
  readonly dtype: StoredDType;
  readonly shape: Shape;
  /** Hash of the stored bytes, as `digestOf` gives it. */
  readonly sha256: string;
}

export interface WantedModel {
  readonly model: ModelDefinition;
  /** `config.json`, the base's own. */
  readonly config: Readonly<Record<string, unknown>>;
  /** `eos_token_id` of `generation_config.json`. */
  readonly stopIds: readonly number[];
  readonly templates: TemplateWriter;
  /** Every tensor of the file, and no other. */
  readonly tensors: ReadonlyMap<string, WantedTensor>;
}

/**
 * Throws ExportError unless the files, opened like any model, have every expected tensor once, with its type, shape and
 * bytes; the expected config; a template equal to the trained one; and all stop tokens. Throws ModelError where they
 * cannot be opened.
 */
export async function requireModel(files: readonly OutFile[], wanted: WantedModel, signal?: AbortSignal) {
  const source = reopened("exported", files);
  const opened = await openModel(source, (_, { untied }) => tensorsOf(wanted.model, untied), signal ? { signal } : {});
  same("config.json", opened.config, wanted.config);

  const { tensors } = await readSafetensors(await source.open("model.safetensors"), signal);
  same("the list of tensors", [...tensors.keys()].sort(), [...wanted.tensors.keys()].sort());
  for (const [name, { dtype, shape, sha256: digest }] of wanted.tensors) {
    const entry = tensors.get(name);
    if (!entry) continue;
    same(`the type of ${name}`, typeOf(entry), typeOf({ dtype, shape }));
    const found = await digestOf(piecesOf(entry, entry.source, signal));
    same(`the hash of the bytes of ${name}`, found, digest);
  }

  const { tokenizerJson, tokenizerConfig, chatTemplate } = opened;
  await wanted.templates.requireSame({ tokenizerJson, tokenizerConfig, chatTemplate });
  same("the list of stop tokens", [opened.generationConfig?.eos_token_id].flat(), wanted.stopIds);
}

/** The SHA-256 of each piece, joined by spaces: for a tensor of one piece that of its bytes. */
export async function digestOf(pieces: AsyncIterable<Pick<Piece, "bytes">>): Promise<string> {
  const digests: string[] = [];
  for await (const { bytes } of pieces) digests.push(await sha256(bytes));
  return digests.join(" ");
}

/** The tensors of the model, which the files may also have with a head of its own. */
function tensorsOf(model: ModelDefinition, untied: boolean): readonly ExpectedTensor[] {
  const tensors = checkpointTensors(model);
  const embedding = tensors.find(({ role }) => role === "embedding");
  if (!untied || !model.tiedHead || !embedding) return tensors;
  return [...tensors, { name: model.headTensor, shape: embedding.shape, role: "head" }];
}

const typeOf = ({ dtype, shape }: Pick<WantedTensor, "dtype" | "shape">) => `${dtype}[${shape.join(", ")}]`;

function same(what: string, found: unknown, wanted: unknown): void {
  const [read, expected] = [JSON.stringify(found) ?? "missing", JSON.stringify(wanted)];
  if (read !== expected) throw readBackError(what, read, expected);
}
