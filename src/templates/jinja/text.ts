/**
 * Texts that know which of their characters come from the row. A template's own texts are plain strings; a text of the row is
 * a `Text`, and so is every text made of one. So a rendering shows what it contains, without marks in it.
 */

/** A span of a text. Offsets are UTF-16 units. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** The field of the row that a text comes from. */
export interface Origin {
  /** Index of its message; null for a tool's description. */
  readonly message: number | null;
  /** The message's field: "content", "reasoning_content", "tool_calls". */
  readonly field: string;
  /** Index of the tool call within the field. */
  readonly part?: number;
}

/** Characters of a text with one origin. */
export interface Run extends Range {
  readonly origin: Origin;
}

export class Text {
  /** `runs` and `generations` are ascending and do not overlap. */
  constructor(
    readonly text: string,
    readonly runs: readonly Run[],
    /** Ranges within `{% generation %}` blocks. */
    readonly generations: readonly Range[] = [],
    /** Whether it is Jinja's Markup, as `safe` and `escape` return: joining it escapes the other text. */
    readonly markup = false,
  ) {}
}

export type Str = string | Text;

export const isText = (value: unknown): value is Str => typeof value === "string" || value instanceof Text;

export const plain = (value: Str): string => (typeof value === "string" ? value : value.text);

/** A text of the row. An empty one has no characters, so it needs no run. */
export const textFrom = (text: string, origin: Origin): Str =>
  text === "" ? "" : new Text(text, [{ start: 0, end: text.length, origin }]);

/** Collects texts, and joins them once. */
export class TextBuilder {
  private readonly pieces: string[] = [];
  private readonly runs: Run[] = [];
  private readonly generations: Range[] = [];
  length = 0;

  add(value: Str): void {
    if (typeof value === "string") {
      this.pieces.push(value);
      this.length += value.length;
      return;
    }
    this.pieces.push(value.text);
    const by = this.length;
    for (const run of value.runs) this.runs.push(by === 0 ? run : { ...run, start: run.start + by, end: run.end + by });
    for (const { start, end } of value.generations) this.generations.push({ start: start + by, end: end + by });
    this.length += value.text.length;
  }

  addGeneration(range: Range): void {
    this.generations.push(range);
  }

  build(): Str {
    const text = this.pieces.join("");
    if (this.runs.length === 0 && this.generations.length === 0) return text;
    return new Text(text, this.runs, this.generations);
  }
}

export const concat = (...values: readonly Str[]): Str => concatAll(values);

/** Joins a list, which may be longer than the arguments of a call. */
export function concatAll(values: readonly Str[]): Str {
  if (values.every((value) => typeof value === "string")) return values.join("");
  const builder = new TextBuilder();
  for (const value of values) builder.add(value);
  return builder.build();
}

/** Like `String.slice` with offsets from 0; spans are cut. */
export function cut(value: Str, start: number, end: number): Str {
  if (typeof value === "string") return value.slice(start, end);
  if (start === 0 && end >= value.text.length) return value;
  /** A text may have as many spans as characters, and a template may cut it at each of them. */
  const within = <T extends Range>(all: readonly T[]): T[] => {
    let low = 0;
    let high = all.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((all[middle]?.end ?? 0) <= start) low = middle + 1;
      else high = middle;
    }
    const found: T[] = [];
    for (let range = all[low]; range !== undefined && range.start < end; range = all[++low]) {
      const from = Math.max(range.start, start);
      const to = Math.min(range.end, end);
      if (from < to) found.push({ ...range, start: from - start, end: to - start });
    }
    return found;
  };
  const text = value.text.slice(start, end);
  const runs = within(value.runs);
  const generations = within(value.generations);
  return runs.length === 0 && generations.length === 0 ? text : new Text(text, runs, generations);
}

/** `text`, made of `sources` in a way that moves characters: all of it has the origin of the first source with one. */
export function derived(text: string, sources: readonly unknown[]): Str {
  if (text === "") return "";
  for (const source of sources) {
    const origin = source instanceof Text ? source.runs[0]?.origin : undefined;
    if (origin) return new Text(text, [{ start: 0, end: text.length, origin }]);
  }
  return text;
}

/** `text`, made of `source` character by character: the spans stay. Else as `derived`. */
export function mapped(text: string, source: Str): Str {
  if (typeof source === "string") return text;
  if (text === source.text) return source;
  if (text.length !== source.text.length) return derived(text, [source]);
  return new Text(text, source.runs, source.generations);
}

/** `text.split(separator)` with the places of the pieces. */
export function splitAt(value: Str, separator: string, most = Number.POSITIVE_INFINITY): Str[] {
  const text = plain(value);
  const pieces: Str[] = [];
  let from = 0;
  while (pieces.length < most) {
    const at = text.indexOf(separator, from);
    if (at === -1) break;
    pieces.push(cut(value, from, at));
    from = at + separator.length;
  }
  pieces.push(cut(value, from, text.length));
  return pieces;
}

/** Replaces each of the first `most` places of a text. An empty `before` stands between all characters, as in Python. */
export function replaceIn(value: Str, before: string, after: Str, most = Number.POSITIVE_INFINITY): Str {
  const text = plain(value);
  const builder = new TextBuilder();
  if (before === "") {
    let from = 0;
    let times = 0;
    for (const character of text) {
      if (times++ < most) builder.add(after);
      builder.add(cut(value, from, from + character.length));
      from += character.length;
    }
    if (times < most) builder.add(after);
    return builder.build();
  }
  if (!text.includes(before)) return value;
  splitAt(value, before, most).forEach((piece, i) => {
    if (i > 0) builder.add(after);
    builder.add(piece);
  });
  return builder.build();
}
