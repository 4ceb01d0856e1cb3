/** Foreign values and names in messages: short, and on one line, whatever a file holds. */

/** Characters of a foreign value that a message shows. */
const shown = 60;

/** A name or an address as it is, cut. Control characters, which would break the line, become spaces. */
export function cut(text: string, limit = shown): string {
  const line = text
    .slice(0, limit)
    .replace(/\p{Cc}/gu, " ")
    .replace(/\p{Surrogate}/gu, "\uFFFD");
  return text.length > limit ? `${line}…` : line;
}

/** A value as JSON, cut: "text", 5, [1,2], {"a":null}. Reads no more of a long or deep value than it shows. */
export function quote(value: unknown, limit = shown): string {
  const text = written(value, limit);
  return text.length > limit + 3 ? `${text.slice(0, limit)}…` : text;
}

/** At least the first `room` characters of the JSON. Each level has less room than the one around it, which bounds the depth. */
function written(value: unknown, room: number): string {
  if (typeof value === "string") return JSON.stringify(value.length > room ? `${value.slice(0, room)}…` : value);
  if (value === undefined) return "nothing";
  if (typeof value !== "object" || value === null) return Object.is(value, -0) ? "-0" : String(value);
  if (room <= 0) return "…";
  const isList = Array.isArray(value);
  const members: readonly (readonly [string, unknown])[] = isList
    ? value.slice(0, room).map((member) => ["", member])
    : Object.entries(value);
  let text = "";
  for (const [key, member] of members) {
    if (text.length > room) break;
    if (text !== "") text += ",";
    if (!isList) text += `${written(key, room)}:`;
    text += written(member, room - text.length - 1);
  }
  return isList ? `[${text}]` : `{${text}}`;
}
