/** The syntax tree. Chains are lists, so that neither parser nor interpreter recurses along them. */

export type Expression =
  | { readonly kind: "constant"; readonly offset: number; readonly value: string | bigint | number | boolean | null }
  | { readonly kind: "name"; readonly offset: number; readonly name: string }
  | { readonly kind: "list" | "tuple"; readonly offset: number; readonly items: readonly Expression[] }
  | { readonly kind: "dict"; readonly offset: number; readonly entries: readonly (readonly [Expression, Expression])[] }
  /** Signs of a number, the innermost first. */
  | {
      readonly kind: "signed";
      readonly offset: number;
      readonly signs: readonly string[];
      readonly operand: Expression;
    }
  | { readonly kind: "not"; readonly offset: number; readonly times: number; readonly operand: Expression }
  /** `+ - * / // % **`, from left to right. */
  | {
      readonly kind: "arithmetic" | "comparison";
      readonly offset: number;
      readonly first: Expression;
      readonly rest: readonly Operation[];
    }
  /** `a ~ b ~ c` */
  | { readonly kind: "joined"; readonly offset: number; readonly items: readonly Expression[] }
  | { readonly kind: "and" | "or"; readonly offset: number; readonly items: readonly Expression[] }
  /** `a if t else b if u else c`; without a last `else` the value is undefined. */
  | {
      readonly kind: "choice";
      readonly offset: number;
      readonly branches: readonly Branch[];
      readonly otherwise: Expression | null;
    }
  | { readonly kind: "chain"; readonly offset: number; readonly base: Expression; readonly links: readonly Link[] };

export interface Operation {
  readonly operator: string;
  readonly offset: number;
  readonly operand: Expression;
}

interface Branch {
  readonly test: Expression;
  readonly value: Expression;
}

export interface Arguments {
  readonly positional: readonly { readonly value: Expression; readonly spread: boolean }[];
  /** A null name spreads an object: `**kwargs`. */
  readonly named: readonly { readonly name: string | null; readonly value: Expression }[];
}

/** What follows a value: a member, a call, a filter or a test. */
export type Link =
  | { readonly kind: "attribute"; readonly offset: number; readonly name: string }
  | { readonly kind: "item"; readonly offset: number; readonly index: Expression }
  | { readonly kind: "slice"; readonly offset: number; readonly bounds: readonly (Expression | null)[] }
  | { readonly kind: "call"; readonly offset: number; readonly args: Arguments }
  | {
      readonly kind: "filter" | "test";
      readonly offset: number;
      readonly name: string;
      readonly args: Arguments;
      readonly negated: boolean;
    };

/** Names that a value is assigned to. */
export type Target =
  | { readonly kind: "name"; readonly offset: number; readonly name: string }
  | { readonly kind: "member"; readonly offset: number; readonly name: string; readonly member: string }
  | { readonly kind: "names"; readonly offset: number; readonly targets: readonly Target[] };

export interface Parameter {
  readonly name: string;
  readonly initial: Expression | null;
}

export interface MacroBody {
  readonly name: string;
  readonly parameters: readonly Parameter[];
  readonly body: readonly Statement[];
  /** Whether the body reads these names, and so accepts such arguments. */
  readonly reads: { readonly varargs: boolean; readonly kwargs: boolean; readonly caller: boolean };
}

export type Statement =
  | { readonly kind: "data"; readonly offset: number; readonly text: string }
  | { readonly kind: "print"; readonly offset: number; readonly value: Expression }
  | {
      readonly kind: "if";
      readonly offset: number;
      readonly branches: readonly { readonly test: Expression; readonly body: readonly Statement[] }[];
      readonly otherwise: readonly Statement[];
    }
  | {
      readonly kind: "for";
      readonly offset: number;
      readonly target: Target;
      readonly iterable: Expression;
      readonly test: Expression | null;
      readonly recursive: boolean;
      readonly body: readonly Statement[];
      readonly otherwise: readonly Statement[];
    }
  | { readonly kind: "set"; readonly offset: number; readonly target: Target; readonly value: Expression }
  /** The filters apply to the body's output. */
  | {
      readonly kind: "set block";
      readonly offset: number;
      readonly target: Target;
      readonly filters: readonly Link[];
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "filter block";
      readonly offset: number;
      readonly filters: readonly Link[];
      readonly body: readonly Statement[];
    }
  | {
      readonly kind: "with";
      readonly offset: number;
      readonly assigned: readonly { readonly target: Target; readonly value: Expression }[];
      readonly body: readonly Statement[];
    }
  | { readonly kind: "macro"; readonly offset: number; readonly macro: MacroBody }
  | { readonly kind: "call block"; readonly offset: number; readonly call: Expression; readonly macro: MacroBody }
  | { readonly kind: "generation"; readonly offset: number; readonly body: readonly Statement[] }
  | { readonly kind: "break" | "continue"; readonly offset: number };
