/** Lists the files that opening a model would fetch, without fetching its weights. */

import { readJson } from "./bytes.ts";
import { toolTemplateFile } from "./chatTemplate.ts";
import { ModelError } from "./error.ts";
import { type Expect, type ExpectedTensor, expectedTensors } from "./expected.ts";
import { explainNoConfig, explainNoTokenizer } from "./explain.ts";
import type { ModelFiles } from "./files.ts";
import { chooseGguf, openGguf, type ReadGguf } from "./gguf.ts";
import { ggufChoices } from "./ggufFiles.ts";
import { refuseQuantised } from "./quantised.ts";
import type { OpenOptions } from "./url.ts";
import { findWeights, openOptional } from "./weights.ts";

export interface Inspected {
  /** `config.json`, unchanged. */
  readonly config: Readonly<Record<string, unknown>>;
  /** The tensors that its architecture expects. */
  readonly tensors: readonly ExpectedTensor[];
  /** The files that opening the model would read, in order; lengths in bytes, null where the server does not send them. */
  readonly files: readonly { readonly name: string; readonly byteLength: number | null }[];
  /** The first file of each GGUF model there, the open one first; empty for Hugging Face layout. */
  readonly choices: readonly string[];
}

/** Optional files besides config, tokenizer and weights. */
const optionalFiles = ["tokenizer_config.json", "chat_template.jinja", toolTemplateFile, "generation_config.json"];

/**
 * Reads `config.json` and measures the other files. `expected` is the same function as for `openModel`. Throws `ModelError`
 * for every fault of `openModel` that needs no other file, or the signal's reason.
 */
export async function inspectFiles(
  files: ModelFiles,
  expected: Expect,
  { gguf: read, ...options }: Omit<OpenOptions, "onNote"> & { readonly gguf?: ReadGguf } = {},
): Promise<Inspected> {
  const { signal } = options;
  const choice = read ? chooseGguf(files) : null;
  if (read && choice) {
    const { files: folder, originals } = await openGguf(files, choice, read, options);
    const { value } = await readJson(await folder.open("config.json"), signal);
    const others = ggufChoices(files.listing ?? []).filter(({ name }) => name !== choice.name);
    return {
      config: value,
      tensors: expectedTensors(value, expected),
      files: originals.map(({ name, byteLength }) => ({ name, byteLength })),
      choices: [choice, ...others].map(({ name }) => name),
    };
  }
  const config = await openOptional(files, "config.json", options);
  if (config instanceof ModelError) {
    throw files.listing === null ? config : new ModelError(explainNoConfig(files));
  }
  const { value } = await readJson(config, signal);
  refuseQuantised(value, files.name);
  const tensors = expectedTensors(value, expected);

  /** Undefined when there is no such file. */
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
  const isLikely = (name: string) => name !== toolTemplateFile || files.listing?.includes(name) === true;
  const optional = await Promise.all(optionalFiles.filter(isLikely).map(measured));
  const weights = await findWeights(files, options);
  const lengths = await Promise.all(
    weights.map(async (name) => ({ name, byteLength: await files.measure(name, signal) })),
  );
  return {
    config: value,
    tensors,
    files: [...found, ...optional.flatMap((file) => file ?? []), ...lengths],
    choices: [],
  };
}
