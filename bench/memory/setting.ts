/** A setting to measure: model, method and batch of a run on the page. */

import type { BatchShape } from "../../src/artifacts/contract.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import type { ProgramKind } from "../../src/run/deviceFields.ts";
import { defaultRecipe, type Recipe } from "../../src/run/recipe.ts";
import type { WeightStorage } from "../../src/tensor/storage.ts";
import { type Change, lora, type MethodName, optimizer, problemOf, type Size } from "../step/problem.ts";

export interface Setting {
  readonly provider: "wasm" | "webgpu";
  /** `smol` has the shapes of SmolLM2-135M with an adapter of rank 16, 512 tokens and random weights. */
  readonly size: Size | "smol";
  readonly method: MethodName;
  readonly change: Change;
  /** Micro-batches of a step. */
  readonly accumulation: number;
  /** More row lengths, each with its own session. */
  readonly lengths: readonly number[];
  /** Whether the run also evaluates, and answers a prompt. */
  readonly evaluates: boolean;
  /** Storage of frozen matrices; float32 if left out. */
  readonly weights?: WeightStorage;
  /** One graph if left out. */
  readonly program?: ProgramKind;
  /** A single step, for settings with many minutes per step; otherwise the longest batch is repeated at the end. */
  readonly once: boolean;
}

export interface Case {
  readonly model: ModelDefinition;
  readonly recipe: Recipe;
  readonly shapes: readonly BatchShape[];
}

/** https://huggingface.co/HuggingFaceTB/SmolLM2-135M/blob/main/config.json */
const smol = {
  architectures: ["LlamaForCausalLM"],
  vocab_size: 49152,
  hidden_size: 576,
  intermediate_size: 1536,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100_000,
  tie_word_embeddings: true,
};

export function caseOf({
  size,
  method,
  change,
  accumulation,
  lengths,
  evaluates,
  weights = "float32",
  program = "whole",
}: Setting): Case {
  const base =
    size === "smol"
      ? {
          model: defineModel({ ...smol, num_hidden_layers: change.layers ?? smol.num_hidden_layers }),
          shape: longRow(change),
        }
      : problemOf(size, method, change);
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = optimizer;
  return {
    model: withPrecision(base.model, { weights, embedding: weights, compute: "float32" }),
    recipe: {
      ...defaultRecipe(method),
      lora: { ...lora, targets: [...lora.targets], rank: size === "smol" ? 16 : lora.rank },
      ...{ beta1, beta2, epsilon, weightDecay, maxGradNorm, accumulation },
      program,
      samplePrompts: evaluates ? 1 : 0,
      watchEvery: null,
    },
    shapes: [
      base.shape,
      ...lengths.map((length) => ({
        ...base.shape,
        length,
        supervised: Math.ceil((base.shape.supervised * length) / base.shape.length),
      })),
    ],
  };
}

/** One row with a supervised second half. */
function longRow({ rows = 1, length = 512 }: Change): BatchShape {
  return { rows, length, supervised: rows * Math.floor(length / 2) };
}
