/** Oracle: the contract of artifacts/contract.ts, port by port. */

import { describe, expect, it } from "vitest";
import { compileEvaluation, compileTraining } from "../../../src/artifacts/compile.ts";
import {
  accumulatorIn,
  accumulatorOut,
  firstMoment,
  optimizerScalars,
  updated,
} from "../../../src/artifacts/contract.ts";
import { compileGeneration } from "../../../src/artifacts/generation.ts";
import { type Method, parametersOf } from "../../../src/artifacts/method.ts";
import { compileOptimizer } from "../../../src/artifacts/optimizer.ts";
import { smallLlama } from "../../support/smallLlama.ts";

const model = smallLlama({ vocab_size: 16 });
const shape = { rows: 2, length: 4, supervised: 3 };
const settings = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1 };
const methods: Method[] = [{ kind: "full" }, { kind: "lora", rank: 2, alpha: 4, targets: ["q_proj"] }];

describe.each(methods)("$kind", (method) => {
  const specs = parametersOf(model, method);
  const trainable = specs.filter((spec) => spec.trainable).map((spec) => spec.name);

  it("training takes batch, parameters and accumulators, and gives the sum and the accumulators", () => {
    const { inputs, outputs, aliases } = compileTraining(model, method, shape);
    expect(new Set(inputs.map((port) => port.name))).toEqual(
      new Set([
        ...[
          "input_ids",
          "position_ids",
          "segment_ids",
          "supervised_index",
          "targets",
          "loss_weights",
          "lazy_reset_grad",
        ],
        ...specs.map((spec) => spec.name),
        ...trainable.map(accumulatorIn),
      ]),
    );
    expect(outputs.map((port) => port.name)).toEqual(["loss_sum", ...trainable.map(accumulatorOut)]);
    expect(aliases).toEqual(Object.fromEntries(trainable.map((name) => [accumulatorOut(name), accumulatorIn(name)])));
  });

  it("the optimizer takes everything that changes per step as an input", () => {
    const { inputs, outputs, aliases } = compileOptimizer(model, method, settings);
    const names = inputs.map((port) => port.name);
    for (const scalar of Object.values(optimizerScalars)) expect(names).toContain(scalar);
    expect(outputs[0]).toEqual({ name: "gradient_norm", dtype: "float32", shape: [1] });
    for (const name of trainable) {
      expect(aliases[updated(name)]).toBe(name);
      expect(aliases[updated(firstMoment(name))]).toBe(firstMoment(name));
    }
    expect(outputs).toHaveLength(1 + 3 * trainable.length);
  });

  it("an aliased output's last operation does not read the input that it replaces", () => {
    for (const artifact of [compileTraining(model, method, shape), compileOptimizer(model, method, settings)]) {
      const graph = artifact.graph();
      for (const [output, input] of Object.entries(artifact.aliases)) {
        const writer = graph.nodes.find((node) => node.outputs.some((value) => value.name === output));
        expect(writer?.inputs.map((value) => value.name)).not.toContain(input);
      }
    }
  });

  it("equal configurations have equal keys, others do not", () => {
    const key = compileTraining(model, method, shape).key;
    expect(compileTraining(model, method, { ...shape }).key).toBe(key);
    expect(compileTraining(model, method, { ...shape, length: 8 }).key).not.toBe(key);
    expect(compileTraining(model, method, shape, { accumulates: false }).key).not.toBe(key);
    expect(compileEvaluation(model, method, shape).key).not.toBe(key);
  });
});

describe("generation", () => {
  it("has a key and a value cache per layer, in and out", () => {
    const { inputs, outputs, aliases } = compileGeneration(model, null, { tokens: 3, capacity: 64 });
    expect(inputs.find((port) => port.name === "past_key.0")?.shape).toEqual([1, 1, 64, 4]);
    expect(outputs.map((port) => port.name)).toEqual(["logits", "present_key.0", "present_value.0"]);
    expect(aliases).toEqual({ "present_key.0": "past_key.0", "present_value.0": "past_value.0" });
  });

  it("of first tokens makes the caches, and of some rows updates those of all", () => {
    const names = ({ inputs }: ReturnType<typeof compileGeneration>) => inputs.map(({ name }) => name);
    const first = compileGeneration(model, null, { rows: 2, tokens: 3, capacity: 64, first: true });
    expect(names(first).filter((name) => /start|past|cache_rows/.test(name))).toEqual([]);
    expect(first.aliases).toEqual({});
    const some = compileGeneration(model, null, { rows: 2, cacheRows: 5, tokens: 1, capacity: 64, chooses: true });
    expect(names(some)).toEqual(expect.arrayContaining(["start", "cache_rows", "past_key.0", "past_value.0"]));
    expect(some.outputs.map(({ name, shape: own }) => [name, own])).toEqual([
      ["logits", [2, model.vocabulary]],
      ["choice", [2, 3]],
      ["present_key.0", [5, 1, 64, 4]],
      ["present_value.0", [5, 1, 64, 4]],
    ]);
  });
});

describe("frozen parameters", () => {
  it("add no gradient node: LoRA's graph holds one weight gradient per adapter matrix", () => {
    const lora = methods[1] as Method;
    const products = compileTraining(model, lora, shape)
      .graph()
      .nodes.filter((node) => node.op === "Gemm" && node.attributes.transA === 1);
    expect(products).toHaveLength(2);
  });
});
