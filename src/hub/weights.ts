/** Finds the weights of a model, in one safetensors file or in shards with an index, and checks all headers. */

import type { ByteSource } from "../tensor/bytes.ts";
import { cut, quote } from "../tensor/quote.ts";
import { isObject, readJson } from "./bytes.ts";
import { listSome, ModelError, tensorName } from "./error.ts";
import type { ModelFiles } from "./files.ts";
import { readSafetensors, type TensorEntry } from "./safetensors.ts";
import type { OpenOptions } from "./url.ts";

export interface Weights {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Tensors that the index names and no file has, with the file that it names. */
  readonly lacking: ReadonlyMap<string, string>;
  readonly files: readonly ByteSource[];
  readonly notes: readonly string[];
}

const singleName = "model.safetensors";
const indexName = "model.safetensors.index.json";

/** Throws a `ModelError` that names file, tensor and way out. */
export async function openWeights(files: ModelFiles, options: OpenOptions): Promise<Weights> {
  const { name, note } = chooseSingle(files);
  const single = await openOptional(files, name, options);
  if (!(single instanceof ModelError)) {
    const { tensors } = await readSafetensors(single, options.signal);
    return { tensors, lacking: new Map(), files: [single], notes: note === null ? [] : [note] };
  }
  const index = await openOptional(files, indexName, options);
  if (!(index instanceof ModelError)) return openShards(files, index, options);
  throw files.listing === null ? await explainRemote(files, single, options) : explainNoWeights(files, files.listing);
}

/**
 * Names of the files with the weights; opens only the index of shards. Throws `ModelError` as `openWeights` does when there
 * are none.
 */
export async function findWeights(files: ModelFiles, options: OpenOptions): Promise<readonly string[]> {
  const { name } = chooseSingle(files);
  const missing = await files.measure(name, options.signal).then(
    () => null,
    (error: unknown) => {
      if (error instanceof ModelError && error.absent) return error;
      throw error;
    },
  );
  if (missing === null) return [name];
  const index = await openOptional(files, indexName, options);
  if (index instanceof ModelError) {
    throw files.listing === null
      ? await explainRemote(files, missing, options)
      : explainNoWeights(files, files.listing);
  }
  const { value } = await readJson(index, options.signal);
  return [indexName, ...[...new Set(checkWeightMap(value).values())].sort()];
}

/** The file, or the error for a missing file; throws every other error. */
export async function openOptional(
  files: ModelFiles,
  name: string,
  options: OpenOptions,
): Promise<ByteSource | ModelError> {
  try {
    return await files.open(name, options);
  } catch (error) {
    if (error instanceof ModelError && error.absent) return error;
    throw error;
  }
}

/** `model.safetensors`, or the only safetensors file of a folder, whatever its name. */
function chooseSingle({ listing }: ModelFiles): { readonly name: string; readonly note: string | null } {
  const candidates =
    listing?.filter((name) => name.endsWith(".safetensors") && !isAdapter(name) && !isShard(name)) ?? [];
  const [only, ...others] = candidates;
  if (only === undefined || others.length > 0 || only === singleName || listing?.includes(indexName)) {
    return { name: singleName, note: null };
  }
  return { name: only, note: `There is no ${singleName}, so the weights are read from ${cut(only)}.` };
}

const isAdapter = (name: string) => /^adapter_/.test(name);
const isShard = (name: string) => /-\d+-of-\d+\.safetensors$/.test(name);

async function openShards(files: ModelFiles, index: ByteSource, options: OpenOptions): Promise<Weights> {
  const { value } = await readJson(index, options.signal);
  const placed = checkWeightMap(value);
  const shardNames = [...new Set(placed.values())].sort();
  const shards: ByteSource[] = [];
  const missing: string[] = [];
  for (const name of shardNames) {
    const shard = await openOptional(files, name, options);
    if (shard instanceof ModelError) missing.push(name);
    else shards.push(shard);
  }
  if (missing.length > 0) {
    throw new ModelError(
      `${placeOf(files)} lacks ${missing.length} of the ${shardNames.length} files that ${indexName} names ` +
        `(${listSome(missing)}): add them.`,
    );
  }
  const tensors = new Map<string, TensorEntry>();
  const unlisted: string[] = [];
  for (const shard of shards) {
    for (const [name, entry] of (await readSafetensors(shard, options.signal)).tensors) {
      const twin = tensors.get(name);
      if (twin !== undefined) {
        throw new ModelError(
          `Tensor ${tensorName(name)} is both in ${cut(twin.source.name)} and in ${cut(shard.name)}; ` +
            "the files belong to different models or exports: take all of them from one.",
        );
      }
      tensors.set(name, entry);
      if (!placed.has(name)) unlisted.push(name);
    }
    if (tensors.size > mostTensors) {
      throw new ModelError(
        `${placeOf(files)} has more than ${mostTensors} tensors, the limit of a model: check that it is the right one.`,
      );
    }
  }
  const lacking = new Map<string, string>();
  for (const [name, file] of placed) {
    const actual = tensors.get(name)?.source.name;
    if (actual === file) continue;
    if (actual === undefined) lacking.set(name, file);
    if (actual === undefined && lacking.size < placed.size) continue;
    throw new ModelError(
      `${indexName} places tensor ${tensorName(name)} in ${cut(file)}, but ${actual === undefined ? "no file has it" : `it is in ${cut(actual)}`}; ` +
        "take index and weights from the same model.",
    );
  }
  const notes = [
    ...(unlisted.length > 0 ? [`Tensors that ${indexName} does not name: ${listSome(unlisted)}.`] : []),
    ...(lacking.size > 0 ? [`Tensors that ${indexName} names and no file has: ${listSome([...lacking.keys()])}.`] : []),
  ];
  return { tensors, lacking, files: [index, ...shards], notes };
}

/** Tensor name → file name. Allows only plain names, so that an index cannot lead to another folder or host. */
function checkWeightMap(index: Readonly<Record<string, unknown>>): ReadonlyMap<string, string> {
  const map = index.weight_map;
  if (!isObject(map) || Object.keys(map).length === 0) {
    throw new ModelError(`${indexName} has no "weight_map" from tensors to files: download it again.`);
  }
  const placed = new Map<string, string>();
  for (const [name, file] of Object.entries(map)) {
    if (typeof file !== "string" || !/^[\w-][\w .()+-]*\.safetensors$/.test(file)) {
      throw new ModelError(
        `${indexName} places tensor ${tensorName(name)} in ${quote(file)}, which is no name of a safetensors file ` +
          "in the same folder: download the index again.",
      );
    }
    placed.set(name, file);
  }
  const shards = new Set(placed.values()).size;
  if (shards <= mostShards) return placed;
  throw new ModelError(
    `${indexName} names ${shards} files, more than the ${mostShards} that a model may have: check that it is the model's own index.`,
  );
}

/** Tensors in all shards. Kimi K2 has about 200,000. */
const mostTensors = 300_000;

/** Each shard is a request. The largest published models have about 800. */
const mostShards = 2048;

/** The place in a message: an address may be long. */
const placeOf = ({ place }: ModelFiles) => cut(place, 120);

const pickleMessage = (file: string) =>
  `has its weights only as ${cut(file)}, a PyTorch pickle, which Hone does not read because it can run code: ` +
  "load it in transformers and save it with save_pretrained(…, safe_serialization=True).";

function explainNoWeights(files: ModelFiles, listing: readonly string[]): ModelError {
  const place = placeOf(files);
  const pickle = listing.find((name) => /\.(bin|pt|pth|ckpt)(\.index\.json)?$/i.test(name));
  const shard = listing.find(isShard);
  if (shard !== undefined) {
    return new ModelError(`${place} has the shard ${cut(shard)} but no ${indexName}, which lists all shards: add it.`);
  }
  const safetensors = listing.filter((name) => name.endsWith(".safetensors"));
  const adapter = safetensors.find(isAdapter);
  if (adapter !== undefined && safetensors.length === 1) {
    return new ModelError(`${place} has ${cut(adapter)}, an adapter without its base model: open the base model.`);
  }
  if (safetensors.length > 1) {
    return new ModelError(
      `${place} has several weight files (${listSome(safetensors)}) but no ${singleName} and no ${indexName}: ` +
        "leave only the model's own one, or add the index.",
    );
  }
  if (pickle !== undefined) return new ModelError(`${place} ${pickleMessage(pickle)}`);
  return new ModelError(`${place} has no weights: add ${singleName}, or ${indexName} with all its shards.`);
}

/** A server sends no list of files, so this requests the usual names of PyTorch's weights. */
async function explainRemote(files: ModelFiles, single: ModelError, options: OpenOptions): Promise<ModelError> {
  for (const name of ["pytorch_model.bin.index.json", "pytorch_model.bin"]) {
    // The existence of the file is enough: a server without parts must not send all of it.
    const stop = new AbortController();
    const onAbort = () => stop.abort(options.signal?.reason);
    options.signal?.addEventListener("abort", onAbort, { once: true });
    try {
      const found = await openOptional(files, name, { signal: stop.signal, onProgress: () => stop.abort() });
      if (!(found instanceof ModelError)) return new ModelError(`${placeOf(files)} ${pickleMessage(name)}`);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (stop.signal.aborted) return new ModelError(`${placeOf(files)} ${pickleMessage(name)}`);
      throw error;
    } finally {
      options.signal?.removeEventListener("abort", onAbort);
    }
  }
  return new ModelError(`${placeOf(files)} has neither ${singleName} nor ${indexName}: check the address.`, {
    cause: single,
  });
}
