/**
 * JSON text cut into its members and joined again. Only cuts and joins, never a number parsed: what is not edited stays as
 * it is written. All texts are valid JSON.
 */

/** A member of an object: its key, and its value as JSON text. */
export type Member = readonly [key: string, text: string];

export type Shape =
  | { readonly kind: "object"; readonly members: readonly Member[] }
  | { readonly kind: "list"; readonly items: readonly string[] }
  | { readonly kind: "text"; readonly text: string }
  /** A number, true, false or null. */
  | { readonly kind: "other" };

export function shapeOf(json: string): Shape {
  const text = json.trim();
  switch (text[0]) {
    case "{":
      return { kind: "object", members: piecesOf(text).map(memberOf) };
    case "[":
      return { kind: "list", items: piecesOf(text) };
    case '"':
      return { kind: "text", text: JSON.parse(text) };
    default:
      return { kind: "other" };
  }
}

export const objectText = (members: readonly Member[]): string =>
  `{${members.map(([key, text]) => `${JSON.stringify(key)}:${text}`).join(",")}}`;

export const listText = (items: readonly string[]): string => `[${items.join(",")}]`;

/** The value of a member; undefined where the object has none. Of equal keys the last one counts. */
export const memberText = (members: readonly Member[], key: string): string | undefined =>
  members.findLast(([name]) => name === key)?.[1];

/** The members with another value of `key`, added at the end where it is new. */
export function withMember(members: readonly Member[], key: string, text: string): readonly Member[] {
  const at = members.findLastIndex(([name]) => name === key);
  return at < 0 ? [...members, [key, text]] : members.with(at, [key, text]);
}

/** The same JSON on one line. */
export function compactText(json: string): string {
  const shape = shapeOf(json);
  if (shape.kind === "object") return objectText(shape.members.map(([key, text]): Member => [key, compactText(text)]));
  return shape.kind === "list" ? listText(shape.items.map(compactText)) : json.trim();
}

/** The same JSON, indented by two spaces a level. */
export function prettyText(json: string, margin = "\n"): string {
  const shape = shapeOf(json);
  const deeper = `${margin}  `;
  const joined = (parts: readonly string[]) => parts.map((part) => deeper + part).join(",") + margin;
  if (shape.kind === "object")
    return shape.members.length === 0
      ? "{}"
      : `{${joined(shape.members.map(([key, text]) => `${JSON.stringify(key)}: ${prettyText(text, deeper)}`))}}`;
  if (shape.kind === "list")
    return shape.items.length === 0 ? "[]" : `[${joined(shape.items.map((item) => prettyText(item, deeper)))}]`;
  return json.trim();
}

/** The end of the string that begins at `start`: the index after its closing quote. */
function stringEnd(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at + 1;
}

/** The items of a list, or the members of an object as `"key": value`. */
function piecesOf(container: string): string[] {
  const pieces: string[] = [];
  let depth = 0;
  let start = 1;
  for (let at = 0; at < container.length; at++) {
    const character = container[at];
    if (character === '"') at = stringEnd(container, at) - 1;
    else if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    else if (character === "," && depth === 1) {
      pieces.push(container.slice(start, at).trim());
      start = at + 1;
    }
  }
  const last = container.slice(start, -1).trim();
  return last === "" ? pieces : [...pieces, last];
}

function memberOf(piece: string): Member {
  const end = stringEnd(piece, 0);
  return [JSON.parse(piece.slice(0, end)), piece.slice(piece.indexOf(":", end) + 1).trim()];
}
