/**
 * Regular expressions that cannot hang: a Pike machine (Thompson 1968, Pike 1987) tries all ways at once, so a match takes at
 * most characters × instructions. Syntax and results are those of `RegExp` with the flag u, without back-references and
 * lookaround; only the end of a match may differ, where a repeated part can be empty.
 */

import { type PatternNode, parsePattern } from "./patternParse.ts";

export interface Pattern {
  /** The first match from the left, and its first group; null for no match. `group` is null where it took no part. */
  match(text: string): { readonly text: string; readonly group: string | null } | null;
  /** Whether it has a group. */
  readonly grouped: boolean;
}

type Instruction =
  | { readonly op: "character"; readonly fits: (character: string) => boolean }
  | { readonly op: "split"; first: number; second: number }
  | { readonly op: "jump"; to: number }
  | { readonly op: "save"; readonly slot: number }
  | { readonly op: "clear" }
  | { readonly op: "edge"; readonly at: "start" | "end" | "word" | "inside" }
  | { readonly op: "match" };

/** Instructions of one pattern: with an answer of 50,000 characters a match takes about a second. */
const mostInstructions = 2000;

const caseMark = "(?i)";

/**
 * Compiles a pattern; "(?i)" at its begin ignores case. Throws an Error with a plain sentence for a pattern that is no regular
 * expression, that has a part which is not supported, or that is too large.
 */
export function compilePattern(source: string): Pattern {
  const ignoresCase = source.startsWith(caseMark);
  const pattern = ignoresCase ? source.slice(caseMark.length) : source;
  const name = pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern;
  const flags = ignoresCase ? "iu" : "u";
  try {
    // Only its syntax is checked here; nothing is matched.
    new RegExp(pattern, flags);
  } catch (error) {
    const why = error instanceof Error ? error.message.replace(/^Invalid regular expression: /, "") : String(error);
    throw new Error(`The pattern ${name} is no regular expression: ${why}.`);
  }
  try {
    const code = assemble(parsePattern(pattern), flags);
    const grouped = code.some((instruction) => instruction.op === "save" && instruction.slot === 2);
    return { match: (text) => run(code, text), grouped };
  } catch (error) {
    throw new Error(`The pattern ${name} ${error instanceof Error ? error.message : String(error)}.`);
  }
}

/** A native test of one character: bounded, and equal to RegExp's in all classes. Its results are remembered. */
function fitsOf(source: string, flags: string): (character: string) => boolean {
  const expression = new RegExp(`^(?:${source})$`, flags);
  const known = new Map<string, boolean>();
  return (character) => {
    const before = known.get(character);
    if (before !== undefined) return before;
    const fits = expression.test(character);
    known.set(character, fits);
    return fits;
  };
}

const hasFirstGroup = (node: PatternNode): boolean => {
  switch (node.kind) {
    case "group":
      return node.index === 1 || hasFirstGroup(node.body);
    case "repeat":
      return hasFirstGroup(node.body);
    case "sequence":
      return node.parts.some(hasFirstGroup);
    case "either":
      return node.options.some(hasFirstGroup);
    default:
      return false;
  }
};

function assemble(root: PatternNode, flags: string): Instruction[] {
  const code: Instruction[] = [];
  const add = <T extends Instruction>(instruction: T): T => {
    if (code.length >= mostInstructions) throw new Error(`is too large: it has more than ${mostInstructions} steps`);
    code.push(instruction);
    return instruction;
  };
  const optional = (body: () => void, lazy: boolean) => {
    const split = add({ op: "split" as const, first: 0, second: 0 });
    const inside = code.length;
    body();
    const after = code.length;
    [split.first, split.second] = lazy ? [after, inside] : [inside, after];
  };
  const write = (node: PatternNode): void => {
    switch (node.kind) {
      case "character":
        add({ op: "character", fits: fitsOf(node.source, flags) });
        return;
      case "edge":
        add({ op: "edge", at: node.at });
        return;
      case "sequence":
        for (const part of node.parts) write(part);
        return;
      case "group":
        if (node.index === 1) add({ op: "save", slot: 2 });
        write(node.body);
        if (node.index === 1) add({ op: "save", slot: 3 });
        return;
      case "either": {
        const ends: { to: number }[] = [];
        for (const [index, option] of node.options.entries()) {
          if (index === node.options.length - 1) write(option);
          else {
            const split = add({ op: "split" as const, first: code.length + 1, second: 0 });
            write(option);
            ends.push(add({ op: "jump" as const, to: 0 }));
            split.second = code.length;
          }
        }
        for (const end of ends) end.to = code.length;
        return;
      }
      case "repeat": {
        const { body, least, most, lazy } = node;
        const resets = hasFirstGroup(body);
        const once = () => {
          // Each iteration begins without captures, as in RegExp.
          if (resets) add({ op: "clear" });
          write(body);
        };
        for (let count = 0; count < least; count++) once();
        if (most === Number.POSITIVE_INFINITY) {
          const loop = code.length;
          optional(() => {
            once();
            add({ op: "jump", to: loop });
          }, lazy);
        } else {
          const splits: { split: { first: number; second: number }; inside: number }[] = [];
          for (let count = least; count < most; count++) {
            const split = add({ op: "split" as const, first: 0, second: 0 });
            splits.push({ split, inside: code.length });
            once();
          }
          for (const { split, inside } of splits) {
            [split.first, split.second] = lazy ? [code.length, inside] : [inside, code.length];
          }
        }
        return;
      }
    }
  };
  add({ op: "save", slot: 0 });
  write(root);
  add({ op: "save", slot: 1 });
  add({ op: "match" });
  return code;
}

interface Thread {
  readonly at: number;
  /** Begin and end of the match and of its first group, in characters; −1 is none. */
  readonly slots: readonly number[];
}

const isWord = (character: string | undefined) => character !== undefined && /^\w$/.test(character);

function run(code: readonly Instruction[], text: string): { text: string; group: string | null } | null {
  const characters = Array.from(text);
  const seen = new Int32Array(code.length).fill(-1);
  let threads: Thread[] = [];
  let found: readonly number[] | null = null;

  const atEdge = (edge: "start" | "end" | "word" | "inside", position: number) => {
    if (edge === "start") return position === 0;
    if (edge === "end") return position === characters.length;
    const between = isWord(characters[position - 1]) !== isWord(characters[position]);
    return between === (edge === "word");
  };

  /** Adds the characters and the match that are reached without reading, the preferred way first. */
  const follow = (list: Thread[], from: Thread, position: number) => {
    const open = [from];
    for (let thread = open.pop(); thread; thread = open.pop()) {
      const { at, slots } = thread;
      if (seen[at] === position) continue;
      seen[at] = position;
      const instruction = code[at] as Instruction;
      switch (instruction.op) {
        case "jump":
          open.push({ at: instruction.to, slots });
          break;
        case "split":
          open.push({ at: instruction.second, slots }, { at: instruction.first, slots });
          break;
        case "save":
          open.push({ at: at + 1, slots: slots.map((old, slot) => (slot === instruction.slot ? position : old)) });
          break;
        case "clear":
          open.push({ at: at + 1, slots: slots.map((old, slot) => (slot < 2 ? old : -1)) });
          break;
        case "edge":
          if (atEdge(instruction.at, position)) open.push({ at: at + 1, slots });
          break;
        default:
          list.push(thread);
      }
    }
  };

  for (let position = 0; position <= characters.length; position++) {
    const list: Thread[] = [];
    for (const thread of threads) follow(list, thread, position);
    // A later begin comes after all earlier ones.
    if (found === null) follow(list, { at: 0, slots: [-1, -1, -1, -1] }, position);
    threads = list;
    const next: Thread[] = [];
    for (const { at, slots } of threads) {
      const instruction = code[at] as Instruction;
      if (instruction.op === "match") {
        found = slots;
        break;
      }
      const character = characters[position];
      if (instruction.op === "character" && character !== undefined && instruction.fits(character)) {
        next.push({ at: at + 1, slots });
      }
    }
    threads = next;
    if (threads.length === 0 && found !== null) break;
  }
  if (found === null) return null;
  const part = (from: number, to: number) => characters.slice(from, to).join("");
  const [begin = 0, end = 0, groupBegin = -1, groupEnd = -1] = found;
  return { text: part(begin, end), group: groupBegin < 0 || groupEnd < 0 ? null : part(groupBegin, groupEnd) };
}
