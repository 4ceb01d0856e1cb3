/** Random rows of chat data as JSON text: numbers, keys and escapes are written in every way that JSON allows. */

import type { Random } from "../../src/tensor/random.ts";

const letters = [
  ..."aAbzé ßñ",
  ...[
    "\n",
    "\t",
    "  ",
    "\r\n",
    "\\n",
    '"',
    "'",
    "\\",
    "/",
    "<",
    ">",
    "&",
    "{{",
    "%}",
    "{#",
    "|",
    "%",
    "\u00a0",
    "\u2028",
  ],
  ...[
    "😀",
    "é",
    "İ",
    "ǆ",
    "日本",
    "\u0001",
    "\u007f",
    "<think>",
    "</think>",
    "-",
    "_",
    ".",
    ",",
    "0",
    "12",
    "\u000b",
    "\u200b",
  ],
];
const words = [
  "Oslo",
  "yes",
  "No.",
  "true",
  "None",
  "x y",
  "a,b",
  "1.50",
  "42",
  "Hello world",
  "null",
  "[1]",
  '{"a": 1}',
];
const keys = [
  "a",
  "b",
  "city",
  "x y",
  "é",
  "2",
  "10",
  "1",
  "-1",
  "items",
  "keys",
  "get",
  "__proto__",
  "constructor",
  "Z",
  "",
];
const numbers = [
  ...["0", "-0", "7", "-12", "1000000", "9007199254740993", "18446744073709551615", "-123456789012345678901234567890"],
  ...[
    "0.0",
    "-0.0",
    "12.0",
    "0.10",
    "1.50",
    "0.1",
    "3.14159",
    "1e5",
    "1E5",
    "1e+16",
    "1e15",
    "1e16",
    "1e-4",
    "1e-5",
    "1e-7",
  ],
  ...[
    "123456789.125",
    "1e22",
    "1.7976931348623157e308",
    "5e-324",
    "2.5",
    "-2.5",
    "0.30000000000000004",
    "100.0",
    "1e2",
  ],
  ...["4.35e-05", "12345678901234567.0", "99999999999999999999.9"],
];

export interface RandomCase {
  /** One line of JSON. */
  readonly row: string;
  readonly generationPrompt: boolean;
}

const roles = ["user", "assistant", "tool"];

/** One row, `{ "messages": […], "tools": … }`; the same numbers of `random` give the same row. */
export function randomCase(random: Random): RandomCase {
  const chance = (share: number) => random.next() < share;
  const one = <T>(items: readonly T[]): T => items[random.below(items.length)] as T;
  const some = (most: number, make: () => string) => Array.from({ length: random.below(most + 1) }, make);
  const space = () => (chance(0.2) ? one([" ", "  ", "\t"]) : "");

  const escaped = (character: string) =>
    Array.from({ length: character.length }, (_, i) => {
      const code = character.charCodeAt(i).toString(16).padStart(4, "0");
      return `\\u${chance(0.5) ? code : code.toUpperCase()}`;
    }).join("");
  /** JSON of a text, in which any character may be an escape. */
  const quoted = (text: string) =>
    `"${Array.from(text, (character) => {
      if (chance(0.05)) return escaped(character);
      if (character === "/") return chance(0.5) ? "\\/" : "/";
      return JSON.stringify(character).slice(1, -1);
    }).join("")}"`;
  const text = () => (chance(0.4) ? one(words) : Array.from({ length: random.below(9) }, () => one(letters)).join(""));
  const full = () => `${text()}${one(words)}${text()}`;
  const number = () => {
    if (chance(0.6)) return one(numbers);
    const digits = String(random.below(10 ** (1 + random.below(9))));
    return `${one(["", "-"])}${digits}${one(["", "", `.${random.below(1000)}`, `e${random.below(30) - 15}`])}`;
  };
  const object = (members: readonly string[]) => `{${space()}${members.join(`${space()},${space()}`)}${space()}}`;
  const list = (items: readonly string[]) => `[${space()}${items.join(`${space()},${space()}`)}${space()}]`;
  const member = (key: string, value: string) => `${quoted(key)}${space()}:${space()}${value}`;
  const value = (depth: number): string => {
    const kind = random.below(depth > 0 ? 9 : 6);
    if (kind < 2) return quoted(text());
    if (kind < 4) return number();
    if (kind === 4) return one(["true", "false"]);
    if (kind === 5) return "null";
    if (kind === 6) return list(some(3, () => value(depth - 1)));
    return anyObject(depth - 1);
  };
  const anyObject = (depth: number): string => object(some(3, () => member(one(keys), value(depth))));
  const shuffled = (members: string[]) => {
    for (let i = members.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [members[i], members[j]] = [members[j] ?? "", members[i] ?? ""];
    }
    return object(members);
  };

  const call = () => {
    const given = anyObject(2);
    const inner = [
      member("name", quoted(one(["pay", "weather"]))),
      member("arguments", chance(0.4) ? quoted(given) : given),
    ];
    if (chance(0.2)) inner.push(member("note", value(1)));
    const outer = [member("type", '"function"'), member("function", shuffled(inner))];
    if (chance(0.7)) outer.push(member("id", quoted(`c0000000${random.below(10)}`)));
    if (chance(0.2)) outer.push(member("index", number()));
    return shuffled(outer);
  };
  const message = (role: string) => {
    const members = [member("role", quoted(role))];
    const calls = role === "assistant" && chance(0.4);
    if (calls) members.push(member("tool_calls", list([call(), ...some(1, call)])));
    else if (chance(0.1)) members.push(member("tool_calls", "null"));
    if (role === "tool") {
      members.push(
        member("content", one([() => '""', () => quoted(text()), () => anyObject(2), () => list([value(1)])])()),
      );
      members.push(member("tool_call_id", quoted("c00000001")));
    } else members.push(member("content", calls && chance(0.5) ? one(["null", '""']) : quoted(full())));
    if (chance(0.4)) members.push(member("meta", value(2)));
    if (chance(0.4)) members.push(member("score", number()));
    if (chance(0.2)) members.push(member(one(keys), value(1)));
    if (chance(0.3)) members.push(member("tags", list(some(4, () => quoted(text())))));
    if (chance(0.2)) members.push(member("name", quoted(one(words))));
    if (role === "assistant" && chance(0.3))
      members.push(member(one(["reasoning_content", "reasoning", "thinking"]), quoted(full())));
    return shuffled(members);
  };
  const tool = () => {
    const properties = object(some(2, () => member(one(keys), anyObject(1))));
    const inner = [
      member("name", quoted(one(["pay", "weather"]))),
      member("parameters", object([member("properties", properties)])),
    ];
    if (chance(0.5)) inner.push(member("description", quoted(text())));
    return shuffled([member("type", '"function"'), member("function", shuffled(inner))]);
  };

  const turns = [
    ...(chance(0.3) ? [message("system")] : []),
    message("user"),
    ...some(2, () => message(one(roles))),
    message("assistant"),
  ];
  const members = [member("messages", list(turns))];
  if (chance(0.5)) {
    const tools = list([tool(), ...some(1, tool)]);
    members.push(member("tools", chance(0.3) ? quoted(tools) : tools));
  }
  return { row: shuffled(members), generationPrompt: chance(0.5) };
}
