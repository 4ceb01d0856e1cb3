/** FlatBuffers tables (flatbuffers.dev, internals): a reader that checks every offset, and a writer. */

import { GraphError } from "./graph.ts";

/** Characters of a name; longer ones occur in damaged files only. */
const longestText = 100_000;

/**
 * A table of the file. Fields are counted from 0 in the order of the schema; an absent one has its default. Every read checks
 * its bounds and counts its bytes, because a damaged file may refer to one place many times.
 */
export class Table {
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #size: number;
  readonly #budget: Budget;

  constructor(view: DataView, at: number, budget: Budget) {
    this.#view = view;
    this.#at = at;
    this.#budget = budget;
    budget.spend(8);
    const fields = at - view.getInt32(at, true);
    this.#fields = fields;
    this.#size = view.getUint16(fields, true);
    if (this.#size < 4) throw new GraphError("a table of the file has no fields at all");
  }

  /** Position of field `i`; 0 where it is absent. */
  #field(i: number): number {
    const entry = 4 + 2 * i;
    if (entry + 2 > this.#size) return 0;
    const offset = this.#view.getUint16(this.#fields + entry, true);
    return offset === 0 ? 0 : this.#at + offset;
  }

  #target(i: number): number {
    const at = this.#field(i);
    return at === 0 ? 0 : at + this.#view.getUint32(at, true);
  }

  int32(i: number): number {
    const at = this.#field(i);
    return at === 0 ? 0 : this.#view.getInt32(at, true);
  }

  bool(i: number): boolean {
    const at = this.#field(i);
    return at !== 0 && this.#view.getUint8(at) !== 0;
  }

  float(i: number): number {
    const at = this.#field(i);
    return at === 0 ? 0 : this.#view.getFloat32(at, true);
  }

  int64(i: number, otherwise = 0n): bigint {
    const at = this.#field(i);
    return at === 0 ? otherwise : this.#view.getBigInt64(at, true);
  }

  /** A view of a vector of bytes; null where it is absent. */
  bytes(i: number): Uint8Array | null {
    const at = this.#target(i);
    if (at === 0) return null;
    const length = this.#view.getUint32(at, true);
    // The constructor of the view throws outside the file.
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at + 4, this.#inside(at + 4, length));
  }

  text(i: number): string {
    const bytes = this.bytes(i);
    if (!bytes) return "";
    if (bytes.length > longestText) throw new GraphError(`a name of the file has ${bytes.length} bytes`);
    this.#budget.spend(bytes.length);
    return new TextDecoder().decode(bytes);
  }

  int64s(i: number): bigint[] {
    const at = this.#target(i);
    if (at === 0) return [];
    const count = this.#view.getUint32(at, true);
    this.#budget.spend(8 * count);
    return Array.from({ length: count }, (_, k) => this.#view.getBigInt64(at + 4 + 8 * k, true));
  }

  table(i: number): Table | null {
    const at = this.#target(i);
    return at === 0 ? null : new Table(this.#view, at, this.#budget);
  }

  tables(i: number): Table[] {
    const at = this.#target(i);
    if (at === 0) return [];
    const count = this.#view.getUint32(at, true);
    this.#budget.spend(4 * count);
    return Array.from({ length: count }, (_, k) => {
      const entry = at + 4 + 4 * k;
      return new Table(this.#view, entry + this.#view.getUint32(entry, true), this.#budget);
    });
  }

  #inside(at: number, length: number): number {
    if (at + length > this.#view.byteLength) throw new RangeError(`bytes ${at} to ${at + length} are outside the file`);
    return length;
  }
}

/** Limits the bytes of names, numbers and tables that a reader decodes to twice the file. */
class Budget {
  #left: number;

  constructor(bytes: number) {
    this.#left = 2 * bytes + 1024;
  }

  spend(bytes: number): void {
    this.#left -= bytes;
    if (this.#left < 0) throw new GraphError("the file refers to the same bytes again and again; it is damaged");
  }
}

/** The root table. Throws a GraphError when the file has not this identifier, and a RangeError for an offset outside it. */
export function rootTable(bytes: Uint8Array, identifier: string): Table {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const found = new TextDecoder("latin1").decode(bytes.subarray(4, 8));
  if (found !== identifier)
    throw new GraphError(`the file begins with ${JSON.stringify(found)} and not with ${identifier}`);
  return new Table(view, view.getUint32(0, true), new Budget(bytes.byteLength));
}

/** A field of a table to write; null leaves it out. */
export type Field =
  | { readonly kind: "int32" | "float" | "bool"; readonly value: number }
  | { readonly kind: "int64"; readonly value: bigint }
  | { readonly kind: "text"; readonly value: string }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "int64s"; readonly value: readonly bigint[] }
  | { readonly kind: "table"; readonly value: Fields }
  | { readonly kind: "tables"; readonly value: readonly Fields[] }
  | null;

/** A table: its fields in the order of the schema. */
export type Fields = readonly Field[];

const inlineBytes = (field: Exclude<Field, null>) => (field.kind === "int64" ? 8 : field.kind === "bool" ? 1 : 4);

/** Writes a file with this root table. Parents come before their children, because offsets point forward. */
export function writeFlatbuffer(root: Fields, identifier: string): Uint8Array<ArrayBuffer> {
  const writer = new Writer(8 + sizeBound(root));
  writer.bytes(new TextEncoder().encode(identifier), 4);
  writer.patch(0, writer.table(root, 8));
  return writer.finish();
}

/** An upper bound of the bytes of a table with its children. */
function sizeBound(fields: Fields): number {
  return fields.reduce(
    (sum, field) => {
      if (field === null) return sum;
      if (field.kind === "text") return sum + 3 * field.value.length + 32;
      if (field.kind === "bytes") return sum + field.value.byteLength + 48;
      if (field.kind === "int64s") return sum + 8 * field.value.length + 32;
      if (field.kind === "table") return sum + sizeBound(field.value) + 16;
      if (field.kind === "tables") return field.value.reduce((total, one) => total + sizeBound(one) + 8, sum + 32);
      return sum + 24;
    },
    64 + 4 * fields.length,
  );
}

class Writer {
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #view: DataView;
  #end = 8;

  constructor(room: number) {
    this.#bytes = new Uint8Array(room);
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Places `data` at a position, or at the end. */
  bytes(data: Uint8Array, at = this.#end): void {
    this.#bytes.set(data, at);
    this.#end = Math.max(this.#end, at + data.length);
  }

  /** Writes at `at` the distance to `target`. */
  patch(at: number, target: number): void {
    this.#view.setUint32(at, target - at, true);
  }

  #align(to: number): number {
    this.#end = Math.ceil(this.#end / to) * to;
    return this.#end;
  }

  /** Writes a table and its children; returns its position. */
  table(fields: Fields, alignment: number): number {
    const list = this.#align(2);
    this.#end += 4 + 2 * fields.length;
    const table = this.#align(alignment);
    this.#view.setInt32(table, table - list, true);
    this.#end = table + 4;
    const places: number[] = [];
    for (const [i, field] of fields.entries()) {
      if (field === null) continue;
      const place = this.#align(inlineBytes(field));
      this.#end += inlineBytes(field);
      places[i] = place;
      this.#view.setUint16(list + 4 + 2 * i, place - table, true);
    }
    this.#view.setUint16(list, 4 + 2 * fields.length, true);
    this.#view.setUint16(list + 2, this.#end - table, true);
    for (const [i, field] of fields.entries()) if (field) this.#value(places[i] as number, field);
    return table;
  }

  #value(at: number, field: Exclude<Field, null>): void {
    if (field.kind === "int32") this.#view.setInt32(at, field.value, true);
    else if (field.kind === "float") this.#view.setFloat32(at, field.value, true);
    else if (field.kind === "bool") this.#view.setUint8(at, field.value);
    else if (field.kind === "int64") this.#view.setBigInt64(at, field.value, true);
    else this.patch(at, this.#child(field));
  }

  #child(field: Exclude<Field, null>): number {
    if (field.kind === "table") return this.table(field.value, 8);
    if (field.kind === "text" || field.kind === "bytes") {
      const data = field.kind === "text" ? new TextEncoder().encode(field.value) : field.value;
      // The data begins at a multiple of 8, so that a reader may view it as numbers.
      this.#end = Math.ceil((this.#end + 4) / 8) * 8 - 4;
      const at = this.#end;
      this.#view.setUint32(at, data.byteLength, true);
      this.bytes(data, at + 4);
      this.#end = at + 4 + data.byteLength + (field.kind === "text" ? 1 : 0);
      return at;
    }
    if (field.kind === "int64s") {
      this.#end = Math.ceil((this.#end + 4) / 8) * 8 - 4;
      const at = this.#end;
      this.#view.setUint32(at, field.value.length, true);
      for (const [i, value] of field.value.entries()) this.#view.setBigInt64(at + 4 + 8 * i, value, true);
      this.#end = at + 4 + 8 * field.value.length;
      return at;
    }
    if (field.kind !== "tables") throw new GraphError(`a field of kind ${field.kind} has no place of its own`);
    const at = this.#align(4);
    this.#view.setUint32(at, field.value.length, true);
    this.#end = at + 4 + 4 * field.value.length;
    for (const [i, one] of field.value.entries()) this.patch(at + 4 + 4 * i, this.table(one, 8));
    return at;
  }

  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#align(8));
  }
}
