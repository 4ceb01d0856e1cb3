/** A layer's path in a model, made of the checkpoint's own names; the layer declares its parameters under it. */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import type { Shape } from "../tensor/dtype.ts";
import { partsOf, storable, type WeightStorage } from "../tensor/storage.ts";
import { type Precision, plain } from "./precision.ts";
import type { Weight } from "./weight.ts";

/** A low-rank adapter on some of a model's linear layers (Hu et al. 2021, arXiv:2106.09685). */
export interface Adapter {
  readonly rank: number;
  readonly alpha: number;
  /** Names of the linear layers that carry it, such as `q_proj`; see `isTarget`. */
  readonly targets: readonly string[];
}

/** Whether the layer at this path is a target: as in PEFT, a target is the whole path or its end after a dot. */
export const isTarget = (path: string, targets: readonly string[]): boolean =>
  targets.some((target) => path === target || path.endsWith(`.${target}`));

/** A linear layer that may carry an adapter. */
export interface Linear {
  /** Its path in the model, such as `model.layers.0.self_attn.q_proj`. */
  readonly path: string;
  /** Shape of its weight: [out, in]. */
  readonly shape: readonly [number, number];
}

/** Gets each linear layer's product in order and returns the value to use instead. */
export type SaveProduct = (product: Value) => Value;

/** A parameter that the model declared during the trace. */
export interface Declared {
  readonly name: string;
  readonly shape: Shape;
  readonly storage: WeightStorage;
  /** The graph input with its numbers; blocks have more inputs. */
  readonly value: Value;
  /** Part of the model, or one of an adapter's two matrices. */
  readonly source: "checkpoint" | "lora_A" | "lora_B";
}

export class Scope {
  private constructor(
    readonly b: GraphBuilder,
    private readonly path: readonly string[],
    private readonly adapter: Adapter | null,
    private readonly precision: Precision,
    private readonly declared: Map<string, Declared>,
    private readonly met: Map<string, Linear>,
    private readonly save: SaveProduct | null,
  ) {}

  /** The root of a model whose linear layers may carry `adapter`; its matrices have the storage of `precision`. */
  static root(
    b: GraphBuilder,
    adapter: Adapter | null,
    precision: Precision = plain,
    save: SaveProduct | null = null,
  ): Scope {
    return new Scope(b, [], adapter, precision, new Map(), new Map(), save);
  }

  /** The scope of a part, such as `layers.0`. */
  in(name: string): Scope {
    return new Scope(this.b, [...this.path, name], this.adapter, this.precision, this.declared, this.met, this.save);
  }

  /** A linear layer's product, or what `save` puts in its place. */
  product(value: Value): Value {
    return this.save ? this.save(value) : value;
  }

  /** Runs `body` on the scope of a part; the names of its nodes begin with the part's name. */
  within<T>(name: string, body: (scope: Scope) => T): T {
    return this.b.within(name, () => body(this.in(name)));
  }

  /** Declares the weight [out, in] of a linear layer. Returns it with the layer's adapter, or null. */
  linear(shape: Linear["shape"]): { readonly weight: Weight; readonly adapter: Adapter | null } {
    const path = this.path.join(".");
    this.met.set(path, { path, shape });
    return {
      weight: this.matrix(shape, this.precision.weights),
      adapter: this.adapter && isTarget(path, this.adapter.targets) ? this.adapter : null,
    };
  }

  /** Declares the weight [rows, columns] of an embedding or a head. */
  table(shape: Linear["shape"]): Weight {
    return this.matrix(shape, this.precision.embedding);
  }

  private matrix(shape: Linear["shape"], wanted: WeightStorage): Weight {
    const storage = storable(wanted, shape);
    const { compute } = this.precision;
    const name = [...this.path, "weight"].join(".");
    const [data, scales = null, zeroPoints = null] = partsOf(storage, shape, compute).map((part) =>
      this.b.input(name + part.suffix, part.dtype, part.shape),
    ) as [Value, Value?, Value?];
    this.declared.set(name, { name, shape, storage, value: data, source: "checkpoint" });
    return { shape, storage, compute, data, scales, zeroPoints };
  }

  /** The float32 graph input of this name below the path; a second call returns the same input. */
  parameter(name: string, shape: Shape, source: Declared["source"] = "checkpoint"): Value {
    const value = this.b.input([...this.path, name].join("."), "float32", shape);
    this.declared.set(value.name, { name: value.name, shape, storage: "float32", value, source });
    return value;
  }

  /** All parameters of the whole model so far, in order of declaration. */
  get parameters(): readonly Declared[] {
    return [...this.declared.values()];
  }

  /** All linear layers of the whole model so far, in order of declaration. */
  get linears(): readonly Linear[] {
    return [...this.met.values()];
  }
}
