/** JSON text cut and joined in the editor. Oracle: JSON.parse, and the texts themselves where numbers must stay as written. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messagesIn, moved, newMessage, spellingOf } from "../../../src/ui/preview/edit/messageText.ts";
import {
  compactText,
  listText,
  memberText,
  objectText,
  prettyText,
  shapeOf,
  withMember,
} from "../../../src/ui/preview/edit/rowText.ts";

const seed = 20261130;

describe("texts that are not edited stay as written", () => {
  test.each([
    "12.0",
    "0.10",
    "1e-7",
    "9007199254740993",
    "-0",
    "NaN",
    "-Infinity",
    '"\\u00e9\\n\\"}{][,:\\\\"',
    '{"2":1,"1":2,"a":{"b":[]}}',
    '[{"__proto__":12.0},[[]],"",null,true]',
    '{"":"","a b":1E5}',
    '{"a":1,"a":2}',
  ])("%s", (text) => {
    expect(compactText(text)).toBe(text);
    expect(compactText(prettyText(text))).toBe(text);
    const shape = shapeOf(`${text}`);
    if (shape.kind === "object") expect(objectText(shape.members)).toBe(text);
    if (shape.kind === "list") expect(listText(shape.items)).toBe(text);
  });

  test("one member is replaced, all others have their text and place", () => {
    const shape = shapeOf('{ "n" : 12.0 , "text":"old, {]", "m": [1e-7,\n {"x":0.10}] }');
    if (shape.kind !== "object") throw new Error("an object was expected");
    expect(objectText(withMember(shape.members, "text", '"new"'))).toBe(
      '{"n":12.0,"text":"new","m":[1e-7,\n {"x":0.10}]}',
    );
    expect(withMember(shape.members, "last", "1").at(-1)).toEqual(["last", "1"]);
    expect(memberText(shape.members, "none")).toBeUndefined();
  });

  test("of equal keys the last one counts, as in JSON.parse", () => {
    const shape = shapeOf('{"a":1,"b":2,"a":3}');
    if (shape.kind !== "object") throw new Error("an object was expected");
    expect(memberText(shape.members, "a")).toBe("3");
    expect(JSON.parse(objectText(withMember(shape.members, "a", "4")))).toEqual({ a: 4, b: 2 });
  });
});

test("any JSON: compact is JSON.stringify, pretty is JSON.stringify with indent", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (value, indent) => {
      // JSON.stringify writes -0 as 0.
      const text = JSON.stringify(value, null, indent);
      expect(compactText(text)).toBe(JSON.stringify(JSON.parse(text)));
      expect(prettyText(text)).toBe(JSON.stringify(JSON.parse(text), null, 2));
    }),
    { seed, numRuns: 500 },
  );
});

describe("messages", () => {
  test.each([
    ['[{"role":"user","content":"a"},{"content":null,"role":"assistant"}]', 2],
    ['[{"from":"human","value":"a"}]', 1],
    ["[]", 0],
    ['[{"role":"user"},7]', null],
    ['[{"text":"a"}]', null],
    ['"[]"', null],
    ['{"role":"user"}', null],
  ])("%s", (text, count) => {
    expect(messagesIn(text)?.length ?? null).toBe(count);
  });

  test.each([
    ["[]", '{"role":"user","content":""}'],
    ['[{"role":"user","content":"a"}]', '{"role":"assistant","content":""}'],
    ['[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]', '{"role":"user","content":""}'],
    ['[{"role":"tool","content":"a"}]', '{"role":"user","content":""}'],
    ['[{"from":"human","value":"a"}]', '{"from":"gpt","value":""}'],
    ['[{"from":"gpt","value":"a"}]', '{"from":"human","value":""}'],
  ])("after %s comes %s", (text, next) => {
    expect(newMessage(messagesIn(text) ?? [])).toBe(next);
  });

  test("a message that mixes both spellings keeps its own keys", () => {
    expect(
      spellingOf([
        ["role", '"user"'],
        ["value", '"a"'],
      ]),
    ).toMatchObject({ roleKey: "role", contentKey: "value" });
    expect(
      spellingOf([
        ["from", '"gpt"'],
        ["content", '"a"'],
      ]),
    ).toMatchObject({ roleKey: "from", contentKey: "content" });
  });

  test("moving stays within the list", () => {
    expect(moved(["a", "b", "c"], 1, -1)).toEqual(["b", "a", "c"]);
    expect(moved(["a", "b", "c"], 1, 1)).toEqual(["a", "c", "b"]);
    expect(moved(["a", "b"], 0, -1)).toEqual(["a", "b"]);
    expect(moved(["a", "b"], 1, 1)).toEqual(["a", "b"]);
  });
});
