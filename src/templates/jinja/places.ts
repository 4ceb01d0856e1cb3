/** Finds the places of a syntax tree's nodes in the source, and which of them are printed or iterated. */

import type { Token } from "./lex.ts";
import type { Node } from "./parse.ts";

export interface Places {
  /** Where a node begins in the source. */
  readonly offsets: WeakMap<object, number>;
  /** Nodes whose value is printed. */
  readonly printed: WeakSet<object>;
  /** Nodes whose value a loop iterates over. */
  readonly iterated: WeakSet<object>;
  /** The number of nodes in a macro or a call block; the library walks them each time it runs the statement. */
  readonly sizes: WeakMap<object, number>;
}

/** A node's children in the order of the source. */
const childFields: Readonly<Record<string, readonly string[]>> = {
  Program: ["body"],
  If: ["test", "body", "alternate"],
  For: ["loopvar", "iterable", "body", "defaultBlock"],
  Set: ["assignee", "value", "body"],
  Macro: ["name", "args", "body"],
  CallStatement: ["callerArgs", "call", "body"],
  FilterStatement: ["filter", "body"],
  MemberExpression: ["object", "property"],
  CallExpression: ["callee", "args"],
  ArrayLiteral: ["value"],
  TupleLiteral: ["value"],
  ObjectLiteral: ["value"],
  BinaryExpression: ["left", "right"],
  FilterExpression: ["operand", "filter"],
  TestExpression: ["operand", "test"],
  UnaryExpression: ["argument"],
  SelectExpression: ["lhs", "test"],
  Ternary: ["trueExpr", "condition", "falseExpr"],
  SliceExpression: ["start", "stop", "step"],
  KeywordArgumentExpression: ["key", "value"],
  SpreadExpression: ["argument"],
  KeywordSpreadExpression: ["argument"],
};
const printedFields: ReadonlySet<string> = new Set(["body", "alternate", "defaultBlock"]);

/** A node whose children are being placed. */
interface Open {
  readonly node: object;
  readonly type: string;
  readonly children: readonly Child[];
  /** Children placed so far. */
  placed: number;
  /** Nodes placed before it. */
  readonly before: number;
}

interface Child {
  readonly node: object;
  readonly isPrinted: boolean;
}

/**
 * The tree's leaves are names, literals and texts, in the order of the source: each is the next token of its kind. A node
 * begins where its first leaf does. Chains may be thousands of nodes deep, so the walk is a loop and not a recursion.
 */
export function placeNodes(root: Node, tokens: readonly Token[]): Places {
  const offsets = new WeakMap<object, number>();
  const printed = new WeakSet<object>();
  const iterated = new WeakSet<object>();
  const sizes = new WeakMap<object, number>();
  const nextLeaf = leavesOf(tokens);
  let count = 0;
  const open: Open[] = [];
  const enter = ({ node, isPrinted }: Child) => {
    const type = String(Reflect.get(node, "type"));
    if (isPrinted) printed.add(node);
    if (type === "For") {
      // `for x in list if test` iterates over the list.
      const iterable: unknown = Reflect.get(node, "iterable");
      const list: unknown = typeof iterable === "object" && iterable && "lhs" in iterable ? iterable.lhs : iterable;
      if (typeof list === "object" && list !== null) iterated.add(list);
    }
    const fields = childFields[type];
    if (!fields) {
      const offset = nextLeaf(node, type);
      if (offset !== undefined) offsets.set(node, offset);
    }
    const children = (fields ?? []).flatMap((field) => nodesIn(Reflect.get(node, field), printedFields.has(field)));
    open.push({ node, type, children, placed: 0, before: count++ });
  };
  enter({ node: root, isPrinted: false });
  for (let top = open.at(-1); top !== undefined; top = open.at(-1)) {
    const child = top.children[top.placed++];
    if (child) {
      enter(child);
      continue;
    }
    open.pop();
    const first = top.children.map(({ node }) => offsets.get(node)).find((offset) => offset !== undefined);
    if (first !== undefined) offsets.set(top.node, first);
    if (top.type === "Macro" || top.type === "CallStatement") sizes.set(top.node, count - top.before);
  }
  return { offsets, printed, iterated, sizes };
}

/** The nodes of a field: one, a list, or the keys and values of an object. */
function nodesIn(value: unknown, isPrinted: boolean): Child[] {
  if (value instanceof Map) return [...value].flat().flatMap((member: unknown) => nodesIn(member, isPrinted));
  if (Array.isArray(value)) return value.flatMap((member: unknown) => nodesIn(member, isPrinted));
  return typeof value === "object" && value !== null ? [{ node: value, isPrinted }] : [];
}

/** Returns a function that must be called for each leaf in order, and returns the leaf's offset. */
function leavesOf(tokens: readonly Token[]) {
  let next = 0;
  const nextOffset = (fits: (token: Token) => boolean): number | undefined => {
    for (let i = next; i < tokens.length; i++) {
      const token = tokens[i];
      if (!token || !fits(token)) continue;
      next = i + 1;
      return token.offset;
    }
    return undefined;
  };
  return (node: object, type: string): number | undefined => {
    const value: unknown = Reflect.get(node, "value");
    if (type === "Identifier") return nextOffset((token) => token.type === "Identifier" && token.value === value);
    if (type === "Break" || type === "Continue") return nextOffset((token) => token.value === type.toLowerCase());
    if (type === "IntegerLiteral" || type === "FloatLiteral")
      return nextOffset((token) => token.type === "NumericLiteral");
    if (type !== "StringLiteral") return undefined;
    const offset = nextOffset((token) => token.type === "Text" || token.type === "StringLiteral");
    // Adjacent strings are one literal.
    while (tokens[next]?.type === "StringLiteral" && tokens[next - 1]?.type === "StringLiteral") next++;
    return offset;
  };
}
