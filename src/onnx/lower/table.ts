/** Every operator that is lowered, and those that are refused with a reason. */

import type { ForeignModel, ForeignNode } from "../foreign.ts";
import { activations } from "./activations.ts";
import { aten, atenOperators } from "./aten.ts";
import type { Lowering } from "./call.ts";
import { elementwise } from "./elementwise.ts";
import { foldedOnly } from "./fold.ts";
import { indexing } from "./indexing.ts";
import { losses } from "./losses.ts";
import { norms } from "./norms.ts";
import { optimizers } from "./optimizers.ts";
import { products } from "./products.ts";
import { reductions } from "./reductions.ts";
import { shaping } from "./shaping.ts";

/** Operators by name: no two operators of the sets that we know share one. */
export const lowerings: Readonly<Record<string, Lowering>> = {
  ...elementwise,
  ...activations,
  ...products,
  ...norms,
  ...losses,
  ...reductions,
  ...shaping,
  ...indexing,
  ...optimizers,
  ...aten,
};

/** Operators that no graph of ours can have, with the reason. */
export const refused: Readonly<Record<string, string>> = {
  YieldOp: "it hands values to PyTorch and waits for their gradients; export the artifacts with generate_artifacts",
  If: "its branches depend on data",
  Loop: "its iterations depend on data",
  Scan: "its iterations depend on data",
  PythonOp: "it calls a Python function",
  PythonOpGrad: "it calls a Python function",
};

const domains: ReadonlySet<string> = new Set(["", "com.microsoft", "org.pytorch.aten"]);

export interface UnknownOperator {
  readonly op: string;
  /** Operator set; "" is ONNX's own. */
  readonly domain: string;
  readonly count: number;
  readonly firstNode: string;
  readonly reason: string;
}

/** The reason why a node is not lowered; null where it is. */
export function reasonAgainst({ op, domain, attributes }: ForeignNode): string | null {
  if (Object.hasOwn(refused, op)) return refused[op] as string;
  if (!domains.has(domain)) return "the operator set is not known";
  if (op === "ATen") {
    const operator = attributes.get("operator")?.value;
    if (operator === undefined) return "it names no operator of PyTorch";
    return atenOperators.includes(String(operator)) ? null : `PyTorch's operator ${String(operator)} is not lowered`;
  }
  return Object.hasOwn(lowerings, op) || foldedOnly.includes(op) ? null : "the operator is not lowered";
}

/** The operators of a model that cannot be lowered, each once, in the order of their first node. */
export function unknownOperators(model: ForeignModel, yields = false): readonly UnknownOperator[] {
  const found = new Map<string, UnknownOperator>();
  for (const node of model.nodes) {
    if (yields && node.op === "YieldOp") continue;
    const reason = reasonAgainst(node);
    if (reason === null) continue;
    const key = `${node.domain}.${node.op}.${reason}`;
    const { op, domain, name } = node;
    const before = found.get(key) ?? { op, domain, count: 0, firstNode: name, reason };
    found.set(key, { ...before, count: before.count + 1 });
  }
  return [...found.values()];
}
