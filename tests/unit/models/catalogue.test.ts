/** The short catalogue. Oracle: each model's published number of parameters, and two bytes for each in its file. */

import { expect, test } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { hubReference } from "../../../src/hub/huggingFace.ts";
import { catalogue } from "../../../src/models/catalogue.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";

const published: Readonly<Record<string, number>> = {
  "HuggingFaceTB/SmolLM2-135M": 134_515_008,
  "HuggingFaceTB/SmolLM2-135M-Instruct": 134_515_008,
  "HuggingFaceTB/SmolLM2-360M": 361_821_120,
  "HuggingFaceTB/SmolLM2-360M-Instruct": 361_821_120,
  "TinyLlama/TinyLlama-1.1B-Chat-v1.0": 1_100_048_384,
  "meta-llama/Llama-3.2-1B": 1_235_814_400,
};

test.each(catalogue)(
  "$id: what is computed from its configuration is what is published",
  ({ id, definition, byteLength }) => {
    const parameters = checkpointTensors(definition).reduce((sum, { shape }) => sum + sizeOf(shape), 0);
    expect(parameters).toBe(published[id]);
    // All are stored in bfloat16, after a header of about ten kilobytes.
    expect(byteLength - 2 * parameters).toBeGreaterThan(0);
    expect(byteLength - 2 * parameters).toBeLessThan(50_000);
    expect(hubReference(id)?.id).toBe(id);
  },
);

test("is in order of size, each once", () => {
  const sizes = catalogue.map(({ byteLength }) => byteLength);
  expect(sizes).toEqual(sizes.toSorted((a, b) => a - b));
  expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length);
});
