/** What is read of a checkpoint against the model: oracle, the tensors that the model's own trace has. */

import { describe, expect, test } from "vitest";
import { firstMoment, secondMoment } from "../../../src/artifacts/contract.ts";
import { parametersOf } from "../../../src/artifacts/method.ts";
import { readTrained } from "../../../src/engine/trained.ts";
import { defineModel } from "../../../src/models/define.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import type { TensorSource } from "../../../src/storage/writeCheckpoint.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { tinyConfig } from "../../support/tinyLlama.ts";
import { loopStateAt, newDisk, runRecord, tabOn } from "../storage/backend.ts";

const model = defineModel(tinyConfig);
const method = { kind: "lora", rank: 4, alpha: 8, targets: ["q_proj", "down_proj"] } as const;
const specs = parametersOf(model, method).filter(({ trainable }) => trainable);

const tensor = (name: string, shape: readonly number[], value = 0): TensorSource => ({
  name,
  dtype: "float32",
  shape,
  read: () => new Float32Array(sizeOf(shape)).fill(value),
});

const whole = (): TensorSource[] =>
  specs.flatMap(({ name, shape }, index) => [
    tensor(name, shape, index + 1),
    tensor(firstMoment(name), shape),
    tensor(secondMoment(name), shape),
  ]);

async function read(tensors: readonly TensorSource[]) {
  const storage = await openStorage(tabOn(newDisk()));
  await storage.checkpoints.save({ record: runRecord("r", 5), state: loopStateAt(5), tensors });
  const values: Record<string, number | undefined> = {};
  const step = await readTrained(storage, { model, method, runId: "r", checkpoint: null }, ({ name, data }) => {
    values[name] = data.at(-1);
  });
  return { step, values };
}

test("every trained tensor is given once, without moments", async () => {
  const { step, values } = await read(whole());
  expect(step).toBe(5);
  expect(values).toEqual(Object.fromEntries(specs.map(({ name }, index) => [name, index + 1])));
});

describe("a checkpoint that is not of this run is refused by the name of a tensor", () => {
  const [first] = specs;
  const name = first?.name ?? "";
  const rows: [string, (tensors: TensorSource[]) => TensorSource[], RegExp][] = [
    ["a tensor is missing", (all) => all.slice(1), /has no .*lora_A.*, which the run trains/],
    ["none is there", () => [tensor("other", [1])], /has no .*, which the run trains/],
    [
      "a tensor is turned",
      (all) => all.with(0, tensor(name, [...(first?.shape ?? [])].reverse())),
      /of the checkpoint is float32\[/,
    ],
    [
      "a tensor is smaller",
      (all) => all.with(0, tensor(name, [1, 1])),
      /is float32\[1, 1\], but the run trains float32/,
    ],
    ["a tensor is larger", (all) => all.with(0, tensor(name, [400, 400])), /is float32\[400, 400\]/],
    ["a tensor has no dimension", (all) => all.with(0, tensor(name, [])), /is float32\[\]/],
    [
      "a tensor is of another type",
      (all) =>
        all.with(0, {
          name,
          dtype: "int32",
          shape: first?.shape ?? [],
          read: () => new Int32Array(sizeOf(first?.shape ?? [])),
        }),
      /is int32\[/,
    ],
  ];
  test.each(rows)("%s", async (_, change, message) => {
    await expect(read(change(whole()))).rejects.toThrow(message);
  });
});
