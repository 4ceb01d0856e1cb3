/** What is forgotten; oracle: the two generations of 50,000 that the memory promises. */

import { expect, test } from "vitest";
import { Memory } from "../../../src/tokenizer/memory.ts";

test("what is used again and again stays, what is not is forgotten, and long texts are never kept", () => {
  const memory = new Memory<number>();
  memory.set("kept", -1);
  for (let i = 0; i < 200_000; i++) {
    memory.set(`word ${i}`, i);
    if (i % 10_000 === 0) expect(memory.get("kept")).toBe(-1);
  }
  expect(memory.get("word 0")).toBeUndefined();
  expect(memory.get("word 99999")).toBeUndefined();
  expect(memory.get("word 199999")).toBe(199_999);

  const long = "x".repeat(65);
  memory.set(long, 1);
  expect(memory.get(long)).toBeUndefined();
  memory.set(long.slice(1), 2);
  expect(memory.get(long.slice(1))).toBe(2);
});
