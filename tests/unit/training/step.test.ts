import { describe, expect, test } from "vitest";
import {
  accumulatorOut,
  firstMoment,
  noClipping,
  type ParameterSpec,
  secondMoment,
} from "../../../src/artifacts/contract.ts";
import { type Batch, packBatch, type TokenizedExample } from "../../../src/batching/batch.ts";
import type { Shape } from "../../../src/tensor/dtype.ts";
import { createRandom } from "../../../src/tensor/random.ts";
import { meanLoss } from "../../../src/training/evaluate.ts";
import { NonFiniteError } from "../../../src/training/nonFinite.ts";
import { initialAdapter, uploadParameters } from "../../../src/training/parameters.ts";
import { takeStep } from "../../../src/training/step.ts";
import { createWholeGraph } from "../../../src/training/wholeGraph.ts";
import { originOf } from "../../support/examples.ts";
import {
  artifacts,
  batchOf,
  type Compute,
  computeBigram,
  createFakeRuntime,
  fromFile,
  optimizerSettings,
  restoreInto,
  type SavedTensor,
  snapshotOf,
  specs,
  vocabulary,
} from "./fakeRuntime.ts";

const never = async () => false;
const sequences = [
  [0, 1, 2, 3],
  [4, 1, 6, 0],
  [5, 5, 2, 1],
  [3, 2, 1, 6],
];

async function setUp({ maxGradNorm = null as number | null, compute = computeBigram as Compute } = {}) {
  const runtime = createFakeRuntime(compute);
  const random = createRandom(7);
  const parameters = await uploadParameters(runtime, specs, ({ name }) =>
    Float32Array.from({ length: name === "bias" ? vocabulary : vocabulary ** 2 }, () => random.normal()),
  );
  const { beta1, beta2 } = optimizerSettings;
  const program = createWholeGraph({ runtime, parameters, specs, artifacts, recipe: { beta1, beta2, maxGradNorm } });
  const values = async (name = "table") => Array.from((await parameters.get(name)?.read()) as Float32Array);
  return { runtime, program, values };
}

const request = (batches: readonly Batch[], step = 1) => ({ step, updates: step - 1, batches, learningRate: 0.01 });

describe("a step", () => {
  test("moves the parameters as AdamW's first step does: by −lr · (g / (|g| + ε) + decay · p); frozen ones stay", async () => {
    const { program, values } = await setUp();
    const [before, frozen] = [await values(), await values("bias")];
    const outcome = await takeStep(program, request([batchOf([[0, 1]], [0])]), never);
    // Oracle: gradient of cross-entropy at row 0 of the table is softmax − onehot(1), all other rows 0.
    const logits = before.slice(0, vocabulary).map((value, id) => value + (frozen[id] as number));
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    const after = await values();
    for (const [i, value] of after.entries()) {
      const g = i < vocabulary ? Math.exp(logits[i] as number) / total - (i === 1 ? 1 : 0) : 0;
      expect(value).toBeCloseTo(
        (before[i] as number) - 0.01 * (g / (Math.abs(g) + 1e-8) + 0.01 * (before[i] as number)),
        5,
      );
    }
    expect(outcome).toMatchObject({ kind: "updated", tokens: 2, supervisedTokens: 1 });
    if (outcome.kind === "updated") expect(outcome.loss).toBeCloseTo(Math.log(total) - (logits[1] as number), 5);
    expect(await values("bias")).toEqual(frozen);
  });

  test("of four micro-batches of one row equals one micro-batch of four rows, rows of unequal weight included", async () => {
    const [whole, apart] = [await setUp({ maxGradNorm: 1 }), await setUp({ maxGradNorm: 1 })];
    for (let step = 1; step <= 5; step++) {
      const a = await takeStep(whole.program, request([batchOf(sequences, [0, 1, 2, 3])], step), never);
      const b = await takeStep(
        apart.program,
        request(
          sequences.map((sequence, row) => batchOf([sequence], [row])),
          step,
        ),
        never,
      );
      if (a.kind !== "updated" || b.kind !== "updated") throw new Error("a step was not taken");
      expect(b.loss).toBeCloseTo(a.loss, 6);
      expect(b.gradientNorm).toBeCloseTo(a.gradientNorm, 6);
    }
    const [a, b] = [await whole.values(), await apart.values()];
    for (const [i, value] of a.entries()) expect(Math.abs(value - (b[i] as number))).toBeLessThan(1e-6);
  });

  test("divides by the denominator of the whole step, not by a mean of means", async () => {
    const { program, runtime } = await setUp();
    const heavy = batchOf([[0, 1, 2, 3]], [0], 2);
    const light = batchOf([[4, 5]], [1], 0.5);
    const lossOf = async (batch: Batch) => (await program.tokenLosses(batch)).reduce((sum, loss) => sum + loss, 0);
    const expected = (2 * (await lossOf(heavy)) + 0.5 * (await lossOf(light))) / 6.5;
    const outcome = await takeStep(program, request([heavy, light]), never);
    if (outcome.kind !== "updated") throw new Error("the step was not taken");
    expect(outcome.loss).toBeCloseTo(expected, 5);
    expect(runtime.runs.at(-1)?.scalars.denominator).toBe(6.5);
  });

  test("feeds bias corrections 1 − βᵗ, the rate, and no clipping as noClipping", async () => {
    const { program, runtime } = await setUp();
    for (let step = 1; step <= 3; step++) await takeStep(program, request([batchOf([[0, 1]], [0])], step), never);
    const fed = runtime.runs.filter((run) => run.kind === "optimizer").map((run) => run.scalars);
    expect(fed.map((scalars) => scalars.bias_correction1)).toEqual(
      [0.1, 0.19, 0.271].map((value) => expect.closeTo(value, 6) as number),
    );
    expect(fed.map((scalars) => scalars.bias_correction2)).toEqual(
      [0.001, 0.001999, 0.002997001].map((value) => expect.closeTo(value, 8)),
    );
    expect(fed[0]?.max_norm).toBe(Math.fround(noClipping));
    expect(fed[0]?.learning_rate).toBe(Math.fround(0.01));
  });

  test("starts the accumulators anew at its first supervised micro-batch only, and skips those without a supervised token", async () => {
    const { program, runtime } = await setUp();
    const none = batchOf([[1, 2]], [3], 0);
    for (let step = 1; step <= 2; step++) {
      await takeStep(
        program,
        request([none, ...sequences.slice(0, 2).map((row, i) => batchOf([row], [i])), none], step),
        never,
      );
    }
    const resets = runtime.runs.filter((run) => run.kind === "training").map((run) => run.scalars.lazy_reset_grad);
    expect(resets).toEqual([1, 0, 1, 0]);
    // A micro-batch that adds nothing to the denominator counts like another.
    const [first, second] = sequences.map((row, i) => batchOf([row], [i]));
    if (!first || !second) throw new Error("two batches were expected");
    const outcome = await takeStep(program, request([{ ...first, denominator: 0 }, second], 3), never);
    expect(outcome).toMatchObject({ kind: "updated", supervisedTokens: 6, examples: 2 });
    const scalars = runtime.runs.slice(-3).map((run) => run.scalars);
    expect(scalars.map(({ lazy_reset_grad }) => lazy_reset_grad)).toEqual([1, 0, undefined]);
    expect(scalars.at(-1)?.denominator).toBe(3);
  });

  test("without a supervised token is told and changes nothing", async () => {
    const { program, runtime, values } = await setUp();
    const before = await values();
    expect(await takeStep(program, request([batchOf([[1, 2]], [3], 0)]), never)).toEqual({ kind: "empty" });
    expect(runtime.runs).toEqual([]);
    expect(await values()).toEqual(before);
  });

  test.each([0, 1, 2, 3])(
    "interrupted before micro-batch %i changes nothing that the next step sees",
    async (polls) => {
      const [disturbed, plain] = [await setUp(), await setUp()];
      const batches = sequences.map((sequence, row) => batchOf([sequence], [row]));
      let asked = 0;
      expect(await takeStep(disturbed.program, request(batches), async () => asked++ === polls)).toEqual({
        kind: "interrupted",
      });
      await takeStep(disturbed.program, request(batches), never);
      await takeStep(plain.program, request(batches), never);
      expect(await snapshotOf(disturbed.program.tensors())).toEqual(await snapshotOf(plain.program.tensors()));
    },
  );
});

describe("numbers that are not finite", () => {
  /** The model of the fake runtime, with one output of its training artifact set to a value. */
  const poisoned =
    (output: string, size: number, value: number): Compute =>
    (artifact, inputs) => {
      const results = computeBigram(artifact, inputs);
      return artifact.kind === "training" ? { ...results, [output]: new Float32Array(size).fill(value) } : results;
    };

  test("a NaN loss stops before the optimizer, naming step, rows of the micro-batch and the way out", async () => {
    const { program, runtime, values } = await setUp({ compute: poisoned("loss_sum", 1, Number.NaN) });
    const before = await values();
    const error = await takeStep(
      program,
      request(
        [
          batchOf(
            [
              [0, 1],
              [2, 3],
            ],
            [4, 9],
          ),
        ],
        12,
      ),
      never,
    ).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(NonFiniteError);
    expect(error).toMatchObject({ quantity: "loss", step: 12, origins: [originOf(4, 0), originOf(9, 1)] });
    expect(String(error)).toMatch(
      /loss of step 12 is NaN.*ten times lower.*clipping to 1.*rows.*: alpaca\.json line 14 \(row 5\), chats\.jsonl line 29 \(row 10\)\.$/,
    );
    expect(runtime.runs.some((run) => run.kind === "optimizer")).toBe(false);
    expect(await values()).toEqual(before);
  });

  test("rows whose weights are not finite are named by file and line, those of other micro-batches are not", async () => {
    const { program, runtime } = await setUp();
    const example = (row: number, source: number, weight: number): TokenizedExample => ({
      origin: originOf(row, source),
      ids: Int32Array.of(0, 1, 2),
      mask: Uint8Array.of(0, 0, 1),
      weights: Float32Array.of(0, 0, weight),
    });
    const shape = { rows: 1, length: 6, supervised: 2 };
    const good = packBatch([[example(0, 0, 1), example(1, 0, 1)]], shape);
    const bad = packBatch([[example(4, 0, 1), example(9, 1, Number.POSITIVE_INFINITY)]], shape);
    await expect(takeStep(program, request([good, bad], 2), never)).rejects.toThrow(
      /^The loss of step 2 is Infinity\. .* rows of the dataset: alpaca\.json line 14 \(row 5\), chats\.jsonl line 29 \(row 10\)\.$/,
    );
    expect(runtime.runs.some((run) => run.kind === "optimizer")).toBe(false);
  });

  test("an infinite gradient leaves parameters and moments as they were", async () => {
    const { program, values } = await setUp({
      compute: poisoned(accumulatorOut("table"), vocabulary ** 2, Number.POSITIVE_INFINITY),
    });
    const before = await values();
    const batches = [batchOf([[0, 1]], [4]), batchOf([[2, 3]], [6])];
    await expect(takeStep(program, request(batches, 3), never)).rejects.toMatchObject({
      name: "NonFiniteError",
      quantity: "gradient",
      step: 3,
      origins: [originOf(4), originOf(6)],
    });
    expect(await values()).toEqual(before);
  });

  test("a validation loss before the first step is laid to the model, not to the learning rate", () => {
    const { message } = new NonFiniteError("validation loss", Number.NaN, 0, []);
    expect(message).toMatch(/^The validation loss of step 0 is NaN\. No step has been trained yet/);
  });

  test("many rows are listed shortly", () => {
    const origins = Array.from({ length: 50 }, (_, row) => originOf(row));
    // The windows of a text are of one row.
    const { message } = new NonFiniteError("loss", Number.NaN, 1, [...origins, ...origins]);
    expect(message).toMatch(/ alpaca\.json line 56 \(row 19\), alpaca\.json line 59 \(row 20\), … \(50 rows\)\.$/);
  });
});

describe("state", () => {
  const batches = [batchOf(sequences, [0, 1, 2, 3])];

  test("holds trained parameters and moments only, and restores the very same trajectory", async () => {
    const [first, second] = [await setUp(), await setUp()];
    for (let step = 1; step <= 3; step++) await takeStep(first.program, request(batches, step), never);
    const saved = await snapshotOf(first.program.tensors());
    expect(saved.map((tensor) => tensor.name)).toEqual(["table", firstMoment("table"), secondMoment("table")]);
    await restoreInto(second.program, saved);
    expect(await snapshotOf(second.program.tensors())).toEqual(saved);
    for (const { program } of [first, second]) await takeStep(program, request(batches, 4), never);
    const next = await snapshotOf(first.program.tensors());
    expect(await snapshotOf(second.program.tensors())).toEqual(next);
    expect(next).not.toEqual(saved);
  });

  test("passes on what the loader found", async () => {
    const { program } = await setUp();
    const saved = await snapshotOf(program.tensors());
    const found = program.restore(async (restore) => {
      for (const { name, dtype, shape, values } of saved) {
        const stored = { name, dtype, shape, byteLength: values.byteLength, chunks: [] };
        await restore(stored, async () => new Uint8Array(values.slice().buffer));
      }
      return "step 7";
    });
    expect(await found).toBe("step 7");
  });

  test("of another model or method is refused", async () => {
    const { program } = await setUp();
    const [table, m, v] = (await snapshotOf(program.tensors())) as [SavedTensor, SavedTensor, SavedTensor];
    const restore = (tensors: readonly SavedTensor[]) => expect(restoreInto(program, tensors)).rejects;
    await restore([table]).toThrow("has no tensor table.first_moment, which this run trains");
    await restore([table, m, { ...v, shape: [3] }]).toThrow("is float32[3], but this run trains float32[7, 7]");
    await restore([{ ...table, name: "lora" }]).toThrow("has lora, which this run does not train");
  });

  test("dispose frees accumulators and moments and leaves the parameters", async () => {
    const { program, runtime } = await setUp();
    expect(runtime.alive.size).toBe(5);
    program.dispose();
    expect([...runtime.alive]).toEqual(["bias", "table"]);
  });
});

test("a method that trains nothing is refused, and so is a parameter that is not on the device", () => {
  const runtime = createFakeRuntime();
  const parts = { runtime, parameters: new Map(), artifacts, recipe: { ...optimizerSettings, maxGradNorm: null } };
  const frozen = specs.map((spec) => ({ ...spec, trainable: false }));
  expect(() => createWholeGraph({ ...parts, specs: frozen })).toThrow("Nothing would be trained");
  expect(() => createWholeGraph({ ...parts, specs })).toThrow(
    "Parameter table should be trained but is not on the device",
  );
  expect(runtime.alive.size).toBe(0);
});

describe("evaluation", () => {
  test("sums over batches and divides once; batches without a supervised token are left out", async () => {
    const { program } = await setUp();
    const batches = [
      batchOf(sequences.slice(0, 3), [0, 1, 2]),
      batchOf([[1, 2]], [3], 0.25),
      batchOf([[1, 2]], [4], 0),
    ];
    const tokenLosses = await Promise.all(batches.map((batch) => program.tokenLosses(batch)));
    const sums = tokenLosses.map((losses) => losses.reduce((total, loss) => total + loss, 0));
    const [whole = 0, light = 0] = sums;
    expect(await meanLoss(program, batches, never)).toBeCloseTo((whole + 0.25 * light) / 9.25, 5);
    expect(tokenLosses.map(({ length }) => length)).toEqual([9, 1, 0]);
  });

  test("stops between two batches when asked", async () => {
    const { runtime, program } = await setUp();
    let asked = 0;
    const batches = sequences.map((sequence, row) => batchOf([sequence], [row]));
    expect(await meanLoss(program, batches, async () => asked++ === 2)).toBeNull();
    expect(runtime.runs.length).toBe(2);
  });
});

describe("an adapter's first values", () => {
  const ofAdapter = (name: string, own: Shape, kind: "lora_A" | "lora_B"): ParameterSpec => ({
    ...fromFile(name, own, true),
    source: { kind },
  });
  const adapter: ParameterSpec[] = [
    fromFile("w", [32, 64], false),
    ofAdapter("w.lora_A", [16, 64], "lora_A"),
    ofAdapter("w.lora_B", [32, 16], "lora_B"),
    ofAdapter("v.lora_A", [16, 64], "lora_A"),
  ];

  test("A is uniform within 1/√in as PEFT's kaiming_uniform(a = √5), B is zero, the base is not touched", () => {
    const values = initialAdapter(adapter, 3);
    expect([...values.keys()]).toEqual(["w.lora_A", "w.lora_B", "v.lora_A"]);
    const a = Array.from(values.get("w.lora_A") as Float32Array);
    expect(Math.max(...a.map(Math.abs))).toBeLessThanOrEqual(1 / 8);
    // Oracle: a uniform on ±b has standard deviation b / √3; 1,024 draws, so about 2 % of tolerance per sigma.
    const deviation = Math.sqrt(a.reduce((sum, value) => sum + value * value, 0) / a.length);
    expect(Math.abs(deviation / (1 / 8 / Math.sqrt(3)) - 1)).toBeLessThan(0.06);
    expect(values.get("w.lora_B")?.every((value) => value === 0)).toBe(true);
    expect(values.get("v.lora_A")).not.toEqual(values.get("w.lora_A"));
  });

  test("follows from the seed alone", () => {
    expect(initialAdapter(adapter, 3)).toEqual(initialAdapter(adapter, 3));
    expect(initialAdapter(adapter, 3)).not.toEqual(initialAdapter(adapter, 4));
  });
});

describe("upload", () => {
  test.each([
    ["a missing value", undefined, "Parameter table has no value"],
    ["a wrong size", new Float32Array(3), "table has 3 values, but the model needs float32[7, 7]"],
  ])("with %s is refused and leaves nothing on the device", async (_, value, message) => {
    const runtime = createFakeRuntime();
    const read = ({ name }: ParameterSpec) => (name === "bias" ? new Float32Array(vocabulary) : value);
    await expect(uploadParameters(runtime, specs, read)).rejects.toThrow(message);
    expect(runtime.alive.size).toBe(0);
  });
});
