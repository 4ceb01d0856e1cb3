/** Reads an exported model back with the project's own readers and compares it with the expected one. */

import { checkpointTensors } from "../artifacts/method.ts";
import { sha256 } from "../hub/hash.ts";
import { openModel } from "../hub/model.ts";
import { readSafetensors, type StoredDType } from "../hub/safetensors.ts";
import type { ModelDefinition } from "../models/architecture.ts";
import type { Shape } from "../tensor/dtype.ts";
import { type OutFile, readBackError, reopened } from "./files.ts";
import type { ExportedTemplate, TemplateWriter } from "./template.ts";

export interface WantedTensor {
  readonly dtype: StoredDType;
  readonly shape: Shape;
  /** Hash of the stored bytes. */
  readonly sha256: string;
}

export interface WantedModel {
  readonly model: ModelDefinition;
  /** `config.json`, the base's own. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly template: ExportedTemplate;
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
  const opened = await openModel(source, () => checkpointTensors(wanted.model), signal ? { signal } : {});
  same("config.json", opened.config, wanted.config);

  const { tensors } = await readSafetensors(await source.open("model.safetensors"), signal);
  same("the list of tensors", [...tensors.keys()].sort(), [...wanted.tensors.keys()].sort());
  for (const [name, { dtype, shape, sha256: digest }] of wanted.tensors) {
    const entry = tensors.get(name);
    if (!entry) continue;
    same(`the type of ${name}`, typeOf(entry), typeOf({ dtype, shape }));
    const bytes = await entry.source.slice(entry.start, entry.end, signal);
    same(`the hash of the bytes of ${name}`, await sha256(bytes), digest);
  }

  const { tokenizerJson, tokenizerConfig, chatTemplate } = opened;
  await wanted.templates.requireSame({ tokenizerJson, tokenizerConfig, chatTemplate });
  same("the list of stop tokens", [opened.generationConfig?.eos_token_id].flat(), wanted.template.stopIds);
}

const typeOf = ({ dtype, shape }: Pick<WantedTensor, "dtype" | "shape">) => `${dtype}[${shape.join(", ")}]`;

function same(what: string, found: unknown, wanted: unknown): void {
  const [read, expected] = [JSON.stringify(found) ?? "missing", JSON.stringify(wanted)];
  if (read !== expected) throw readBackError(what, read, expected);
}
