/**
 * Answers several prompts at once: rows of one key/value cache, which the next prompt takes over when an answer has ended.
 * Rows begin at slot 0, so a row's logits depend on its own tokens only, whatever the other rows are.
 */

import type { Artifact } from "../artifacts/contract.ts";
import { type GenerationShape, wholeShape } from "../artifacts/generation.ts";
import { byteSizeOf } from "../tensor/dtype.ts";
import { createRandom, type Random } from "../tensor/random.ts";
import { nextTask } from "../training/control.ts";
import { perShape } from "../training/feeds.ts";
import { createDecoder, type Decoder, type DecoderParts, type Piece, type Predictions } from "./decoder.ts";
import { checkSampling, type Sampling, sampleToken } from "./sampling.ts";

/** Most tokens of a row in one run; a longer prompt takes several runs, so that its scores need little memory. */
export const longestPiece = 256;
/** Fewest tokens of a row in a run of first tokens; other runs have twice as many, four times and so on. */
const shortestPiece = 16;
/** Rows that read their prompts in one run. */
const rowsPerPrompt = 8;
/** Numbers of cached rows, so that batches of similar sizes share sessions. */
const rowCounts = [32, 16, 8, 4, 1];
/** Most bytes of the caches of several rows. */
const cacheBytes = 128e6;

export interface GeneratorParts extends DecoderParts {
  /** Longest sequence of the model in tokens. */
  readonly contextLength: number;
}

export interface BatchRequest {
  /** Token ids, special tokens included. */
  readonly prompt: readonly number[] | Int32Array;
  /** Tokens that end the answer without being part of it. */
  readonly stopIds: readonly number[];
  readonly maxTokens: number;
  readonly sampling: Sampling;
  /** Ignored when greedy. */
  readonly seed: number;
  readonly onToken?: (id: number) => void;
}

export interface Generation {
  /** The answer's tokens, without prompt and stop token. */
  readonly ids: readonly number[];
  /** A stop token; `maxTokens` reached; the model's context is full; the signal was aborted. */
  readonly finish: "stop" | "length" | "context" | "cancelled";
}

export interface BatchOptions {
  readonly signal?: AbortSignal;
  /** Called when an answer has ended, with the number of its request. */
  readonly onAnswer?: (request: number, generation: Generation) => void;
}

/** The generations in the order of the requests. */
export type GenerateBatch = (requests: readonly BatchRequest[], options?: BatchOptions) => Promise<Generation[]>;

/** The slots of a cache for `length` tokens: few different numbers, so that answers of similar length share sessions. */
export function capacityFor(length: number, contextLength: number): number {
  const step = length <= longestPiece ? 2 ** Math.ceil(Math.log2(Math.max(length, 64))) : longestPiece;
  return Math.min(contextLength, Math.ceil(length / step) * step);
}

/** The tokens of a run that reads up to `length` first tokens. */
export const pieceFor = (length: number, capacity: number) =>
  Math.min(capacity, 2 ** Math.ceil(Math.log2(Math.max(length, shortestPiece))));

/** A request in work. */
interface Row {
  readonly request: BatchRequest;
  readonly number: number;
  readonly stops: ReadonlySet<number>;
  readonly random: Random;
  /** Most tokens of the answer that the context has room for. */
  readonly room: number;
  readonly capacity: number;
  readonly ids: number[];
}

/**
 * Creates a generator, which uses the current values of the parameters. Between two runs it lets the thread's other tasks
 * run and checks the signal; then the answers that have not ended are cancelled. An empty prompt, or one that fills the
 * context, ends at once with "context". It throws a RangeError for settings outside their range; it always frees its caches.
 */
export function createBatchGenerator({ contextLength, ...parts }: GeneratorParts): GenerateBatch {
  const compiled = perShape(parts.artifact);
  const artifact = (shape: GenerationShape) => compiled(wholeShape(shape));
  return async (requests, { signal, onAnswer } = {}) => {
    for (const request of requests) checkRequest(request);
    const generations: Generation[] = [];
    const end = ({ number, ids }: Pick<Row, "number" | "ids">, finish: Generation["finish"]) => {
      const generation = { ids, finish };
      generations[number] = generation;
      onAnswer?.(number, generation);
    };
    const byCapacity = new Map<number, Row[]>();
    for (const [number, request] of requests.entries()) {
      const { length } = request.prompt;
      if (length === 0 || length >= contextLength) {
        end({ number, ids: [] }, "context");
        continue;
      }
      const room = Math.min(request.maxTokens, contextLength - length);
      const capacity = capacityFor(length + room, contextLength);
      const stops = new Set(request.stopIds);
      const row = { request, number, stops, random: createRandom(request.seed), room, capacity, ids: [] };
      byCapacity.set(capacity, [...(byCapacity.get(capacity) ?? []), row]);
    }
    for (const [capacity, rows] of [...byCapacity].sort(([a], [b]) => a - b)) {
      await answerAll({ ...parts, artifact }, capacity, rows, end, signal);
    }
    return generations;
  };
}

function checkRequest({ sampling, maxTokens }: BatchRequest): void {
  checkSampling(sampling);
  if (!(Number.isInteger(maxTokens) && maxTokens >= 1)) {
    throw new RangeError(`The answer's limit is ${maxTokens} tokens; give a whole number of at least 1.`);
  }
}

/** Prompts longer than a piece are read in whole pieces after the first one. */
const laterPieces = ({ request }: Row) => Math.floor((request.prompt.length - 1) / longestPiece);

/** Answers requests of one capacity, prompts of similar length together. */
async function answerAll(
  parts: DecoderParts,
  capacity: number,
  rows: readonly Row[],
  end: (row: Row, finish: Generation["finish"]) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const queue = [...rows].sort((a, b) => a.request.prompt.length - b.request.prompt.length);
  const cached = rowsFor(rows.length, cacheBytesOf(parts.artifact({ rows: 1, tokens: 1, capacity })));
  const greedy = rows.every(({ request }) => request.sampling.temperature === 0);
  const slots: (Row | null)[] = Array.from({ length: cached }, () => null);
  const decoder = createDecoder(parts, { rows: cached, capacity, greedy });

  /** Takes the token after each piece; rows whose answers have ended become free. */
  const accept = async (predictions: Predictions, places: readonly number[]) => {
    for (const [piece, place] of places.entries()) {
      const row = slots[place];
      if (!row) continue;
      const { request, ids, stops, room } = row;
      const likeliest = request.sampling.temperature === 0 ? predictions.likeliest(piece) : null;
      const id = likeliest ?? sampleToken(await predictions.logits(piece), request.sampling, row.random);
      const stopped = stops.has(id);
      if (!stopped) {
        ids.push(id);
        request.onToken?.(id);
      }
      const finish = stopped ? "stop" : endOf(ids.length, request.maxTokens, room);
      if (finish === null) continue;
      slots[place] = null;
      end(row, finish);
    }
  };

  try {
    while (queue.length > 0 || slots.some((row) => row !== null)) {
      const places = slots.flatMap((row, place) => (row === null ? [place] : []));
      const incoming = nextPrompts(queue, places.length, cached);
      if (incoming.length > 0) {
        const taken = places.slice(0, incoming.length);
        for (const [i, place] of taken.entries()) slots[place] = incoming[i] as Row;
        const predictions = await readPrompts(decoder, incoming, taken, cached, capacity, signal);
        if (predictions === null) break;
        await accept(predictions, taken);
      } else {
        await nextTask();
        if (signal?.aborted) break;
        const active = slots.flatMap((row, place) => (row === null ? [] : [place]));
        const pieces = active.map((place): Piece => {
          const { request, ids } = slots[place] as Row;
          return { row: place, tokens: ids.slice(-1), start: request.prompt.length + ids.length - 1 };
        });
        await accept(await decoder.run(pieces, { ...decodeShape(parts, active.length, cached), tokens: 1 }), active);
      }
    }
    for (const row of [...slots, ...queue]) if (row !== null) end(row, "cancelled");
  } finally {
    decoder.dispose();
  }
}

function endOf(count: number, maxTokens: number, room: number): Generation["finish"] | null {
  if (count === maxTokens) return "length";
  return count === room ? "context" : null;
}

/** Bytes of the caches that an artifact updates. */
const cacheBytesOf = ({ inputs, aliases }: Artifact): number => {
  const names = new Set(Object.values(aliases));
  const caches = inputs.filter(({ name }) => names.has(name));
  return caches.reduce((sum, { dtype, shape }) => sum + byteSizeOf(dtype, shape), 0);
};

/** Rows of the cache for this many requests, from the bytes of one row. */
export function rowsFor(requests: number, rowBytes: number): number {
  const possible = rowCounts.filter((rows) => rows === 1 || rows * rowBytes <= cacheBytes);
  return possible.findLast((rows) => rows >= requests) ?? possible[0] ?? 1;
}

/** The rows of a run that reads prompts into a cache of so many rows. */
export const promptRows = (cached: number): Pick<GenerationShape, "rows" | "cacheRows"> =>
  cached === 1 ? { rows: 1 } : { rows: Math.min(rowsPerPrompt, cached), cacheRows: cached };

/** Removes the next prompts of the queue that are read together; none while fewer rows are free than could be read at once. */
function nextPrompts(queue: Row[], free: number, cached: number): Row[] {
  const most = Math.min(rowsPerPrompt, cached);
  if (free < Math.min(most, queue.length)) return [];
  const [first] = queue;
  if (!first) return [];
  const alike = queue.slice(0, most).filter((row) => laterPieces(row) === laterPieces(first));
  return queue.splice(0, alike.length);
}

/** Reads the prompts into the rows at `places`; null when the signal was aborted. */
async function readPrompts(
  decoder: Decoder,
  rows: readonly Row[],
  places: readonly number[],
  cached: number,
  capacity: number,
  signal: AbortSignal | undefined,
): Promise<Predictions | null> {
  const later = laterPieces(rows[0] as Row);
  const firstLengths = rows.map(({ request }) => request.prompt.length - later * longestPiece);
  let predictions: Predictions | null = null;
  for (let run = 0; run <= later; run++) {
    await nextTask();
    if (signal?.aborted) return null;
    const pieces = rows.map(({ request }, i): Piece => {
      const first = firstLengths[i] as number;
      const start = run === 0 ? 0 : first + (run - 1) * longestPiece;
      return { row: places[i] as number, tokens: request.prompt.slice(start, first + run * longestPiece), start };
    });
    const tokens = run === 0 ? pieceFor(Math.max(...firstLengths), capacity) : longestPiece;
    predictions = await decoder.run(pieces, { ...promptRows(cached), tokens, first: run === 0 });
  }
  return predictions;
}

/**
 * The rows of a run for `active` rows: all cached ones, or a quarter of them when the last answers need no more. On a GPU one
 * more session costs more than idle rows.
 */
function decodeShape({ runtime }: DecoderParts, active: number, cached: number) {
  const few = cached / 4;
  const fewer = active <= few && runtime.report.provider === "wasm";
  return fewer ? { rows: few, cacheRows: cached } : { rows: cached };
}
