/** A setting to measure: model, method and batch of a run on the page. */

import type { BatchShape } from "../../src/artifacts/contract.ts";
import { embeddingOf } from "../../src/engine/precision.ts";
import { type ModelDefinition, withPrecision } from "../../src/models/architecture.ts";
import { defineModel } from "../../src/models/define.ts";
import type { ProgramKind } from "../../src/run/deviceFields.ts";
import { defaultRecipe, type Recipe } from "../../src/run/recipe.ts";
import type { WeightStorage } from "../../src/tensor/storage.ts";
import { type ShapeName, shapes } from "../sizes/shapes.ts";
import { type Change, lora, type MethodName, optimizer, problemOf, type Size } from "../step/problem.ts";

export interface Setting {
  readonly provider: "wasm" | "webgpu";
  /** A shape of a published model has an adapter of rank 16, and one row of 512 tokens. */
  readonly size: Size | ShapeName;
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
  /** Type of products; float32 if left out. */
  readonly compute?: "float32" | "float16";
  /** The whole graph if left out. */
  readonly program?: ProgramKind;
  /** A single step, for settings with many minutes per step; otherwise the longest batch is repeated at the end. */
  readonly once: boolean;
}

export interface Case {
  readonly model: ModelDefinition;
  readonly recipe: Recipe;
  readonly shapes: readonly BatchShape[];
}

const isShape = (size: Setting["size"]): size is ShapeName => Object.hasOwn(shapes, size);

export function caseOf({ size, method, change, accumulation, lengths, evaluates, ...rest }: Setting): Case {
  const { weights = "float32", compute = "float32", program = "whole" } = rest;
  const config = isShape(size) ? shapes[size] : null;
  const base =
    config === null
      ? problemOf(size as Size, method, change)
      : {
          model: defineModel({ ...config, num_hidden_layers: change.layers ?? config.num_hidden_layers }),
          shape: longRow(change),
        };
  const { beta1, beta2, epsilon, weightDecay, maxGradNorm } = optimizer;
  return {
    model: withPrecision(base.model, { weights, embedding: embeddingOf[weights], compute }),
    recipe: {
      ...defaultRecipe(method),
      lora: { ...lora, targets: [...lora.targets], rank: config === null ? lora.rank : 16 },
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
