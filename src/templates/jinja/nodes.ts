/** Types of the nodes and values that are inspected before the library evaluates them. */

import type { Node, Value } from "./parse.ts";

export interface Binary extends Node {
  readonly operator: { readonly value: string };
  readonly left: Node;
  readonly right: Node;
}
export interface Member extends Node {
  readonly object: Node;
  readonly property: Node;
  readonly computed: boolean;
}
export interface Filter extends Node {
  readonly operand: Node;
  readonly filter: FilterName;
}
interface FilterName extends Node {
  readonly value?: string;
  readonly callee?: Node & { value?: string };
  readonly args?: Node[];
}
interface Test extends Node {
  readonly operand: Node;
  readonly negate: boolean;
  readonly test: Node;
}
interface Unary extends Node {
  readonly operator: { readonly value: string };
  readonly argument: Node;
}
/** `{% if %}`; an `elif` is the only member of `alternate`. */
export interface Condition extends Node {
  readonly test: Node;
  readonly body: Node[];
  readonly alternate: Node[];
}
/** `a if b else c`. */
export interface Choice extends Node {
  readonly condition: Node;
  readonly trueExpr: Node;
  readonly falseExpr: Node;
}
/** A macro, or a call block, which the library treats as a macro. */
export interface Macro extends Node {
  readonly body: Node[];
}
interface FilterBlock extends Node {
  readonly filter: FilterName;
  readonly body: Node[];
}

export const isBinary = (node: Node): node is Binary => node.type === "BinaryExpression";
export const isMember = (node: Node): node is Member => node.type === "MemberExpression";
export const isFilter = (node: Node): node is Filter => node.type === "FilterExpression";
export const isTest = (node: Node): node is Test => node.type === "TestExpression";
export const isUnary = (node: Node): node is Unary => node.type === "UnaryExpression";
export const isCondition = (node: Node): node is Condition => node.type === "If";
export const isChoice = (node: Node): node is Choice => node.type === "Ternary";
export const isMacro = (node: Node): node is Macro => node.type === "Macro" || node.type === "CallStatement";
export const isFilterBlock = (node: Node): node is FilterBlock => node.type === "FilterStatement";

/** The operand that is evaluated first, where a node has one. */
export function leftOf(node: Node): Node | undefined {
  if (isBinary(node)) return node.left;
  if (isMember(node)) return node.object;
  if (isFilter(node) || isTest(node)) return node.operand;
  return isUnary(node) ? node.argument : undefined;
}

export const composite = (value: Value): boolean => Array.isArray(value.value) || value.value instanceof Map;

export const textOf = (value: Value | undefined): string => (typeof value?.value === "string" ? value.value : "");

export const membersOf = ({ value }: Value): readonly Value[] =>
  Array.isArray(value) ? value : value instanceof Map ? [...value.values()] : [];

/** Members of a list or an object. */
export const countOf = ({ value }: Value): number =>
  Array.isArray(value) ? value.length : value instanceof Map ? value.size : 0;
