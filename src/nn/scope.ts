/** Where a layer stands in a model: a path of the checkpoint's own names, under which it declares its parameters. */

import type { GraphBuilder } from "../onnx/builder.ts";
import type { Value } from "../onnx/graph.ts";
import type { Shape } from "../tensor/dtype.ts";

/** A low-rank adapter on some of a model's linear layers (Hu et al. 2021, arXiv:2106.09685). */
export interface Adapter {
  readonly rank: number;
  readonly alpha: number;
  /** Last names of the linear layers that carry it, such as `q_proj`. */
  readonly targets: readonly string[];
}

/** A parameter as the model declares it while it is traced. */
export interface Declared {
  readonly value: Value;
  readonly initial: "checkpoint" | "lora_A" | "lora_B";
}

export class Scope {
  private constructor(
    readonly b: GraphBuilder,
    private readonly path: readonly string[],
    private readonly adapter: Adapter | null,
    private readonly declared: Map<string, Declared>,
  ) {}

  /** The root of a model whose linear layers may carry `adapter`. */
  static root(b: GraphBuilder, adapter: Adapter | null): Scope {
    return new Scope(b, [], adapter, new Map());
  }

  /** The scope of a part, such as `layers.0`. */
  in(name: string): Scope {
    return new Scope(this.b, [...this.path, name], this.adapter, this.declared);
  }

  /** Runs `body` on a part, its nodes named after it. */
  within<T>(name: string, body: (scope: Scope) => T): T {
    return this.b.within(name, () => body(this.in(name)));
  }

  /** The adapter of this very layer, or null. */
  get ownAdapter(): Adapter | null {
    return this.adapter?.targets.includes(this.path.at(-1) ?? "") ? this.adapter : null;
  }

  /** A graph input float32 of this name below the path; asked for twice, it is one. */
  parameter(name: string, shape: Shape, initial: Declared["initial"] = "checkpoint"): Value {
    const value = this.b.input([...this.path, name].join("."), "float32", shape);
    this.declared.set(value.name, { value, initial });
    return value;
  }

  /** Everything declared so far in the whole model, in order of declaration. */
  get parameters(): readonly Declared[] {
    return [...this.declared.values()];
  }
}
