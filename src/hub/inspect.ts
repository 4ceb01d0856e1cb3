/** What opening a model would fetch, found out without fetching any of its weights. */

import { readJson } from "./bytes.ts";
import { ModelError } from "./error.ts";
import { type ExpectedTensor, expectedTensors } from "./expected.ts";
import type { ModelFiles } from "./files.ts";
import { explainNoConfig, explainNoTokenizer } from "./model.ts";
import type { OpenOptions } from "./url.ts";
import { findWeights, openOptional } from "./weights.ts";

export interface Inspected {
  /** `config.json` as it is. */
  readonly config: Readonly<Record<string, unknown>>;
  /** What its architecture asks for. */
  readonly tensors: readonly ExpectedTensor[];
  /** Everything that opening the model would read, in that order; lengths in bytes, null where a server does not tell. */
  readonly files: readonly { readonly name: string; readonly byteLength: number | null }[];
}

/** What a model may bring besides config, tokenizer and weights. */
const optionalFiles = ["tokenizer_config.json", "chat_template.jinja", "generation_config.json"];

/**
 * Reads `config.json` and measures the rest. `expected` is that of `openModel`, and throws for an architecture that is not
 * supported. Throws `ModelError` as `openModel` does, for everything that can be known by now, and the signal's reason.
 */
export async function inspectFiles(
  files: ModelFiles,
  expected: (config: Readonly<Record<string, unknown>>) => readonly ExpectedTensor[],
  options: Omit<OpenOptions, "onNote"> = {},
): Promise<Inspected> {
  const { signal } = options;
  const config = await openOptional(files, "config.json", options);
  if (config instanceof ModelError) {
    throw files.listing === null ? config : new ModelError(explainNoConfig(files));
  }
  const { value } = await readJson(config, signal);
  const tensors = expectedTensors(value, expected);

  /** Undefined when there is none of that name. */
  const measured = async (name: string) => {
    try {
      return { name, byteLength: await files.measure(name, signal) };
    } catch (error) {
      if (error instanceof ModelError && error.absent) return undefined;
      throw error;
    }
  };
  const tokenizer = await measured("tokenizer.json");
  if (!tokenizer) throw new ModelError(explainNoTokenizer(files));
  const found = [{ name: config.name, byteLength: config.byteLength }, tokenizer];
  const optional = await Promise.all(optionalFiles.map(measured));
  const weights = await findWeights(files, options);
  const lengths = await Promise.all(
    weights.map(async (name) => ({ name, byteLength: await files.measure(name, signal) })),
  );
  return { config: value, tensors, files: [...found, ...optional.flatMap((file) => file ?? []), ...lengths] };
}
