/** Parses the names that a value is assigned to. */

import { constants } from "./expression.ts";
import type { Reader } from "./reader.ts";
import type { Target } from "./syntax.ts";

/** A name to define. */
export function parseNames(reader: Reader): string {
  if (reader.current.type !== "name") reader.expected("A name");
  const { value, offset } = reader.next();
  if (constants.has(value)) reader.fail(`No value can be assigned to "${value}".`, offset);
  return value;
}

/** One name, several with commas, or with `members` a namespace's member. */
export function parseTarget(reader: Reader, members: boolean): Target {
  const { offset } = reader.current;
  const targets: Target[] = [];
  let several = false;
  for (;;) {
    if (targets.length > 0) {
      if (!reader.skip(",")) break;
      several = true;
    }
    const { offset: at } = reader.current;
    if (targets.length > 0 && (reader.isName("in") || reader.is("=") || reader.current.type === "endblock")) break;
    if (reader.skip("(")) {
      targets.push(reader.deepen(at, () => parseTarget(reader, members)));
      reader.expect(")");
      continue;
    }
    if (reader.isName("in")) reader.expected("A name");
    const name = parseNames(reader);
    if (members && reader.skip(".")) targets.push({ kind: "member", offset: at, name, member: parseNames(reader) });
    else targets.push({ kind: "name", offset: at, name });
    if (!members && (reader.is(".") || reader.is("["))) reader.fail("No value can be assigned here.", at);
  }
  const [only] = targets;
  return only && !several ? only : { kind: "names", offset, targets };
}
