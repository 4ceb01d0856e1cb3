/** Weights from files to the device. Oracle: each tensor read whole as float32, turned and encoded in one go. */

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ParameterSpec } from "../../../src/artifacts/contract.ts";
import { modelFromSources } from "../../../src/hub/files.ts";
import { type OpenModel, openModel } from "../../../src/hub/model.ts";
import { sameInFile, transposedInFile } from "../../../src/models/fileTensor.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { Runtime } from "../../../src/runtime/types.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { encode, partsOf, storable, type WeightStorage, weightStorages } from "../../../src/tensor/storage.ts";
import { disposeAll, parameterPieces, readParameter, uploadParameters } from "../../../src/training/parameters.ts";
import { bigFiles, floatTypes, type Layout, madeTensor } from "../hub/big.ts";
import { sameBytes } from "../hub/tiny.ts";

let runtime: Runtime;
beforeAll(async () => {
  runtime = await createRuntime("wasm", { entries: nodeEntries, threads: 1 });
});
afterAll(() => runtime.dispose());

/** Name, shape as a parameter, and whether the file has its transpose. */
const parameters = [
  ["norm", [37], false],
  ["one", [1], false],
  ["none", [0, 32], false],
  ["odd", [3, 5], false],
  ["matrix", [1031, 4 * 320], false],
  ["conv", [1100, 64 * 33], true],
  ["conv odd", [7, 3], true],
  // Four of these rows are longer than a piece.
  ["wide", [5, 2 ** 19 + 32], false],
  ["long", [2 ** 21 + 1], false],
] as const;

function specsOf(storage: WeightStorage): ParameterSpec[] {
  return parameters.map(([name, shape, transposed]) => {
    const own = storable(storage, shape);
    return {
      name,
      shape,
      trainable: false,
      storage: own,
      ports: partsOf(own, shape).map(({ suffix, ...port }) => ({ name: name + suffix, ...port })),
      source: { kind: "checkpoint", tensor: (transposed ? transposedInFile : sameInFile)({ name, shape }) },
    };
  });
}

const open = (dtype: (typeof floatTypes)[number], layout: Layout): Promise<OpenModel> => {
  const tensors = parameters.map(([name, shape, transposed], i) =>
    madeTensor(name, transposed ? shape.toReversed() : shape, dtype, i),
  );
  const sources = Object.entries(bigFiles(tensors, layout)).map(([name, bytes]) => bytesFromMemory(name, bytes));
  return openModel(modelFromSources("big", sources), () => tensors);
};

describe.each(floatTypes)("%s", (dtype) => {
  test.each(
    weightStorages.map((storage, i) => [storage, i % 2 === 0 ? { padding: 1 } : { padding: 2, shards: 2 }] as const),
  )("to %s: byte for byte what a whole tensor gives", { timeout: 120_000 }, async (storage, layout) => {
    const model = await open(dtype, layout);
    const specs = specsOf(storage);
    const stored = [...model.tensors.values()].reduce((sum, { start, end }) => sum + end - start, 0);
    let bytes = 0;
    const tensors = await uploadParameters(
      runtime,
      specs,
      (spec) => parameterPieces(spec, model.devicePieces),
      (more) => {
        expect(more).toBeGreaterThan(0);
        bytes += more;
      },
    );
    expect(bytes).toBe(stored);
    expect([...tensors.keys()]).toEqual(specs.flatMap(({ ports }) => ports.map(({ name }) => name)));
    for (const spec of specs) {
      const whole = encode(spec.storage, await readParameter(spec, model.read), spec.shape.at(-1) ?? 1);
      for (const [i, { name, dtype: type, shape }] of spec.ports.entries()) {
        const tensor = tensors.get(name);
        expect([tensor?.dtype, tensor?.shape]).toEqual([type, shape]);
        expect(sameBytes(await tensor?.read(), whole[i] ?? new Uint8Array()), name).toBe(true);
      }
    }
    disposeAll(tensors);
    expect(runtime.memory()).toMatchObject({ tensors: 0, bytes: 0 });
  });
});

describe("what goes wrong leaves nothing on the device", () => {
  const start = async (signal?: AbortSignal, onPiece?: (bytes: number) => void) => {
    const model = await open("BF16", {});
    const read = (spec: ParameterSpec) => parameterPieces(spec, model.devicePieces, signal);
    return uploadParameters(runtime, specsOf("float16"), read, onPiece);
  };

  test.each([1, 3, 5, 7])("a signal after piece %i ends the upload with its reason", async (nth) => {
    const controller = new AbortController();
    const reason = new Error("enough");
    let pieces = 0;
    const uploading = start(controller.signal, () => {
      if (++pieces === nth) controller.abort(reason);
    });
    await expect(uploading).rejects.toBe(reason);
    expect(pieces).toBe(nth);
    expect(runtime.memory().tensors).toBe(0);
  });

  test.each([
    ["too few", 10, "Parameter norm has 10 values, but the model needs float32[37]."],
    ["too many", 40, "Parameter norm has 40 values, but the model needs float32[37]."],
    ["no", 0, "Parameter norm has 0 values, but the model needs float32[37]."],
  ])("%s numbers in pieces", async (_name, count, message) => {
    const bytes = new Uint8Array(2 * count);
    const specs = specsOf("float32").slice(0, 1);
    const uploading = uploadParameters(runtime, specs, async function* () {
      if (count > 0) yield { at: 0, dtype: "BF16", bytes } as const;
    });
    await expect(uploading).rejects.toThrow(message);
    expect(runtime.memory().tensors).toBe(0);
  });

  test.each(floatTypes.filter((dtype) => dtype !== "F16"))("a number of %s that float16 cannot have", async (dtype) => {
    const tensor = madeTensor("norm", [37], dtype, 1, 2 ** 13);
    const sources = Object.entries(bigFiles([tensor])).map(([name, bytes]) => bytesFromMemory(name, bytes));
    const model = await openModel(modelFromSources("big", sources), () => [tensor]);
    const specs = specsOf("float16").slice(0, 1);
    const uploading = uploadParameters(runtime, specs, (spec) => parameterPieces(spec, model.devicePieces));
    await expect(uploading).rejects.toThrow(/^Parameter norm: The weights contain -?\d\S*, which float16 cannot store/);
    expect(runtime.memory().tensors).toBe(0);
  });

  test("a parameter of an adapter is not in the files", async () => {
    const model = await open("F32", {});
    const adapter: ParameterSpec = { ...(specsOf("float32")[0] as ParameterSpec), source: { kind: "lora_A" } };
    expect(() => parameterPieces(adapter, model.devicePieces)).toThrow("norm belongs to an adapter");
  });
});
