/** The device's part of generation: the key/value caches of some rows, and runs of the next tokens of these rows. */

import { type Artifact, generationPorts } from "../artifacts/contract.ts";
import type { GenerationShape } from "../artifacts/generation.ts";
import type { DeviceTensor, HostTensor, Runtime } from "../runtime/types.ts";

export interface DecoderParts {
  readonly runtime: Pick<Runtime, "tensor" | "session" | "report">;
  /** Shared with training; the caller frees them. */
  readonly parameters: ReadonlyMap<string, DeviceTensor>;
  /** `compileGeneration` of the model. */
  readonly artifact: (shape: GenerationShape) => Artifact;
}

/** Tokens of one row, for consecutive slots from `start` on. */
export interface Piece {
  /** Which of the cached rows. */
  readonly row: number;
  readonly tokens: readonly number[] | Int32Array;
  readonly start: number;
}

/** What the model says after each piece's last token. */
export interface Predictions {
  /** The most likely token, by the rule of `greedy`; null where only the logits can decide. */
  likeliest(piece: number): number | null;
  /** float32 [V] */
  logits(piece: number): Promise<Float32Array>;
}

/** The static shape of a run, beside the caches. */
type RunShape = Pick<GenerationShape, "rows" | "tokens" | "first" | "cacheRows">;

export interface Decoder {
  /**
   * Runs up to `tokens` tokens of up to `rows` rows. Padding fills later slots, which no token attends to and which later
   * tokens overwrite.
   */
  run(pieces: readonly Piece[], shape: RunShape): Promise<Predictions>;
  dispose(): void;
}

/** The rows and slots of the caches, and whether all answers are greedy. */
export interface DecoderShape {
  readonly rows: number;
  readonly capacity: number;
  readonly greedy: boolean;
}

const int32 = (shape: readonly number[], data: Int32Array): HostTensor => ({ dtype: "int32", shape, data });

/** Allocates the caches; the caller disposes of them. */
export function createDecoder(
  { runtime, parameters, artifact }: DecoderParts,
  { rows: cached, capacity, greedy }: DecoderShape,
): Decoder {
  // On the processor the logits are cheap to read: choosing there takes a tenth of a millisecond of JavaScript.
  const chooses = greedy && runtime.report.provider === "webgpu";
  const tensors: DeviceTensor[] = [];
  const dispose = () => {
    for (const tensor of tensors) tensor.dispose();
  };
  const allocate = (name: string, shape: readonly number[]) => {
    const tensor = runtime.tensor(name, "float32", shape);
    tensors.push(tensor);
    return tensor;
  };
  const caches = new Map<string, DeviceTensor>();
  try {
    const whole = artifact({ rows: cached, tokens: 1, capacity, chooses });
    for (const [present, past] of Object.entries(whole.aliases)) {
      const port = whole.inputs.find(({ name }) => name === past);
      if (port === undefined) throw new Error(`The generation artifact has no input ${past}.`);
      caches.set(present, allocate(past, port.shape));
    }
  } catch (error) {
    dispose();
    throw error;
  }
  /** The logits of a run that chooses, by its number of rows; read only where they must decide. */
  const unread = new Map<number, DeviceTensor>();

  return {
    dispose,
    async run(pieces, shape) {
      const { rows = 1, tokens } = shape;
      const graph = artifact({ ...shape, capacity, chooses });
      const all = shape.cacheRows === undefined;
      // A run of all rows has each piece in its own row; other rows and missing pieces repeat one that exists.
      const [spare] = pieces;
      if (spare === undefined) throw new RangeError("A run needs at least one piece.");
      const places = all ? pieces.map(({ row }) => row) : pieces.map((_, i) => i);
      const inputs = {
        ids: new Int32Array(rows * tokens),
        starts: new Int32Array(rows),
        cacheRows: new Int32Array(rows).fill(spare.row),
        index: new Int32Array(rows),
      };
      const put = (place: number, piece: Piece) => {
        inputs.ids.set(piece.tokens, place * tokens);
        inputs.starts[place] = piece.start;
        inputs.cacheRows[place] = piece.row;
        inputs.index[place] = piece.tokens.length - 1;
      };
      if (!all) for (let place = pieces.length; place < rows; place++) put(place, spare);
      for (const [i, piece] of pieces.entries()) put(places[i] as number, piece);

      const indices: readonly (readonly [string, HostTensor])[] = [
        [generationPorts.inputIds, int32([rows, tokens], inputs.ids)],
        [generationPorts.start, int32([rows], inputs.starts)],
        [generationPorts.cacheRows, int32([rows], inputs.cacheRows)],
        [generationPorts.logitsIndex, int32([rows], inputs.index)],
      ];
      const given = new Map<string, DeviceTensor | HostTensor>([...parameters, ...indices]);
      for (const [present, past] of Object.entries(graph.aliases)) {
        const cache = caches.get(present);
        if (cache) given.set(past, cache);
      }
      const feeds: Record<string, DeviceTensor | HostTensor> = {};
      for (const { name } of graph.inputs) {
        const feed = given.get(name);
        if (feed !== undefined) feeds[name] = feed;
      }
      const bound: Record<string, DeviceTensor> = Object.fromEntries(caches);
      if (chooses) {
        const logits =
          unread.get(rows) ??
          allocate(
            `${generationPorts.logits} of ${rows}`,
            graph.outputs.find(({ name }) => name === generationPorts.logits)?.shape ?? [],
          );
        unread.set(rows, logits);
        bound[generationPorts.logits] = logits;
      }
      const session = await runtime.session(graph);
      const outputs = await session.run(feeds, bound);
      const choice = outputs[generationPorts.choice]?.data;
      let read: Promise<Float32Array> | null = null;
      const logitsOf = async () => {
        const data = outputs[generationPorts.logits]?.data ?? (await unread.get(rows)?.read());
        if (!(data instanceof Float32Array)) throw new Error("The generation artifact gave no float32 logits.");
        return data;
      };
      return {
        likeliest(piece) {
          const place = places[piece] as number;
          const [highest, id, sum] = choice ? Array.from(choice.subarray(3 * place, 3 * place + 3), Number) : [];
          return id !== undefined && Number.isFinite(highest) && Number.isFinite(sum) ? id : null;
        },
        async logits(piece) {
          read ??= logitsOf();
          const data = await read;
          const vocabulary = data.length / rows;
          const place = places[piece] as number;
          return data.subarray(place * vocabulary, (place + 1) * vocabulary);
        },
      };
    },
  };
}
