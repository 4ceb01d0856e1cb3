/** Assembles the rows of a Parquet table from the levels and values of its columns (Dremel). */

import type { SchemaTree } from "hyparquet";
import { objectOf, type Value } from "../value.ts";
import { BrokenTable, shown } from "./parquetGroups.ts";
import { type Converted, Unreadable } from "./parquetValues.ts";

/** A leaf column of a row group. An entry is a value, a null, or the place of an empty or absent list. */
export interface LeafColumn {
  readonly path: readonly string[];
  readonly entries: number;
  /** The level of each entry; null where all entries are values. */
  readonly definition: Uint8Array | null;
  /** Null where the column is in no list. */
  readonly repetition: Uint8Array | null;
  /** The values without nulls. */
  readonly values: readonly Converted[];
}

export interface AssembledRow {
  readonly value: Value;
  /** Characters of its texts, and 8 for each other value. */
  readonly size: number;
  /** Values that have no text; they are null in the row. */
  readonly unreadable: readonly Unreadable[];
}

/** Reads the next value of a column, and moves all its leaves behind it. */
interface Reader {
  readonly leaves: readonly Cursor[];
  read(): Value;
}

interface State {
  size: number;
  unreadable: Unreadable[];
}

/** The place in a leaf column. */
class Cursor {
  private entry = 0;
  private value = 0;

  constructor(
    private readonly column: LeafColumn,
    private readonly valueLevel: number,
  ) {}

  get definition(): number {
    if (this.entry >= this.column.entries) throw this.broken("has too few values");
    return this.column.definition?.[this.entry] ?? this.valueLevel;
  }

  /** -1 at the end. */
  get repetition(): number {
    return this.entry < this.column.entries ? (this.column.repetition?.[this.entry] ?? 0) : -1;
  }

  /** Null where the entry has no value. */
  take(): Converted {
    const isValue = this.definition === this.valueLevel;
    this.entry++;
    if (!isValue) return null;
    const value = this.column.values[this.value++];
    if (value === undefined) throw this.broken("has too few values");
    return value;
  }

  broken(why: string): BrokenTable {
    return new BrokenTable(`column ${shown(this.column.path)} ${why}`);
  }
}

/** Yields `count` rows. Throws BrokenTable when the levels of the columns contradict each other. */
export function* assembleRows(
  table: SchemaTree,
  columns: readonly LeafColumn[],
  count: number,
): Generator<AssembledRow, void, void> {
  const state: State = { size: 0, unreadable: [] };
  const left = [...columns];
  const readers = table.children.map((child) => readerOf(child, left, { definition: 0, repetition: 0 }, state));
  const build = objectsOf(table.children.map(({ element }) => element.name));
  const cursors = readers.flatMap(({ leaves }) => leaves);
  for (let row = 0; row < count; row++) {
    state.size = 0;
    state.unreadable = [];
    for (const cursor of cursors) if (cursor.repetition > 0) throw cursor.broken("continues a list that has ended");
    const value = build(readers);
    yield { value, size: state.size, unreadable: state.unreadable };
  }
  for (const cursor of cursors) if (cursor.repetition !== -1) throw cursor.broken("has more values than rows");
}

interface Levels {
  readonly definition: number;
  readonly repetition: number;
}

/** `left`: the leaf columns that no reader has taken yet. */
function readerOf(node: SchemaTree, left: LeafColumn[], outside: Levels, state: State): Reader {
  const kind = node.element.repetition_type;
  if (kind === "REPEATED") return listReader(outside, null, node, left, state);
  const definition = outside.definition + (kind === "OPTIONAL" ? 1 : 0);
  const levels = { ...outside, definition };
  if (node.children.length === 0) return leafReader(left, definition, state);
  const { converted_type: converted, logical_type: logical } = node.element;
  const [only, ...others] = node.children;
  if (only?.element.repetition_type === "REPEATED" && others.length === 0) {
    if (converted === "LIST" || logical?.type === "LIST") return listReader(levels, definition, only, left, state);
    if (converted === "MAP" || converted === "MAP_KEY_VALUE" || logical?.type === "MAP") {
      return mapReader(levels, definition, only, left, state);
    }
  }
  return structReader(node, left, levels, state);
}

function leafReader(left: LeafColumn[], level: number, state: State): Reader {
  const column = left.shift();
  if (!column) throw new BrokenTable("the schema has more columns than the row group");
  const cursor = new Cursor(column, level);
  return {
    leaves: [cursor],
    read() {
      const value = cursor.take();
      if (typeof value === "string") {
        state.size += value.length;
        return value;
      }
      state.size += 8;
      if (!(value instanceof Unreadable)) return value;
      state.unreadable.push(value);
      return null;
    },
  };
}

function structReader(node: SchemaTree, left: LeafColumn[], levels: Levels, state: State): Reader {
  const readers = node.children.map((child) => readerOf(child, left, levels, state));
  const build = objectsOf(node.children.map(({ element }) => element.name));
  const leaves = readers.flatMap((reader) => reader.leaves);
  const first = firstOf(leaves);
  return {
    leaves,
    read() {
      state.size += 8;
      return first.definition < levels.definition ? skip(leaves) : build(readers);
    },
  };
}

/**
 * The reader of a repeated field: a list's `list.element` (or an older form of it), or a repeated field by itself, whose
 * `present` is null: it cannot be absent. `present`: the definition level of a list that is there, maybe empty.
 */
function listReader(
  levels: Levels,
  present: number | null,
  repeated: SchemaTree,
  left: LeafColumn[],
  state: State,
): Reader {
  const inside = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
  // Without a level of its own, `list.element` is only a name for the element: parquet-format, "Lists".
  const [only, ...others] = repeated.children;
  const { name } = repeated.element;
  const isOlder = name === "array" || name.endsWith("_tuple");
  const wraps = present !== null && only && others.length === 0 && !isOlder;
  const item = wraps ? readerOf(only, left, inside, state) : requiredReader(repeated, left, inside, state);
  const first = firstOf(item.leaves);
  return {
    leaves: item.leaves,
    read() {
      state.size += 8;
      const level = first.definition;
      if (present !== null && level < present) return skip(item.leaves);
      if (level < inside.definition) {
        skip(item.leaves);
        return [];
      }
      const items: Value[] = [];
      do items.push(item.read());
      while (first.repetition === inside.repetition);
      return items;
    },
  };
}

/** The reader of a repeated field's own content. */
function requiredReader(node: SchemaTree, left: LeafColumn[], levels: Levels, state: State): Reader {
  if (node.children.length === 0) return leafReader(left, levels.definition, state);
  return structReader(node, left, levels, state);
}

/** Maps with text keys are objects, whose last equal key counts; others are lists of pairs. A map without values is a list. */
function mapReader(levels: Levels, present: number, pairs: SchemaTree, left: LeafColumn[], state: State): Reader {
  const [key, value] = pairs.children;
  if (!key || !value || pairs.children.length > 2) return listReader(levels, present, pairs, left, state);
  const inside = { definition: levels.definition + 1, repetition: levels.repetition + 1 };
  const keys = readerOf(key, left, inside, state);
  const values = readerOf(value, left, inside, state);
  const leaves = [...keys.leaves, ...values.leaves];
  const first = firstOf(leaves);
  const hasTextKeys = isText(key);
  return {
    leaves,
    read() {
      state.size += 8;
      const level = first.definition;
      if (level < present) return skip(leaves);
      const found: [Value, Value][] = [];
      if (level < inside.definition) skip(leaves);
      else
        do found.push([keys.read(), values.read()]);
        while (first.repetition === inside.repetition);
      return hasTextKeys ? objectOf(found.map(([name, item]) => [String(name), item])) : found;
    },
  };
}

function isText({
  element: { type, converted_type: converted, logical_type: logical },
  children,
}: SchemaTree): boolean {
  if (children.length > 0 || type !== "BYTE_ARRAY") return false;
  return converted === "UTF8" || converted === "ENUM" || logical?.type === "STRING" || logical?.type === "ENUM";
}

/** Moves behind one entry of each leaf. */
function skip(leaves: readonly Cursor[]): null {
  for (const leaf of leaves) leaf.take();
  return null;
}

function firstOf(leaves: readonly Cursor[]): Cursor {
  const [first] = leaves;
  if (!first) throw new BrokenTable("a column has parts, but none with values");
  return first;
}

/** Builds objects with these names in the schema's order, from what their readers read. */
function objectsOf(names: readonly string[]): (readers: readonly Reader[]) => Value {
  const isPlain = !(objectOf(names.map((name) => [name, null])) instanceof Map) && !names.includes("__proto__");
  if (!isPlain) return (readers) => objectOf(readers.map((reader, i) => [names[i] ?? "", reader.read()] as const));
  return (readers) => {
    const object: Record<string, Value> = {};
    let i = 0;
    for (const reader of readers) object[names[i++] ?? ""] = reader.read();
    return object;
  };
}
