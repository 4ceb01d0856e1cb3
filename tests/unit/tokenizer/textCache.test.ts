/** Eviction of cached results. Oracle: the two generations of 50,000 entries. */

import { expect, test } from "vitest";
import { TextCache } from "../../../src/tokenizer/textCache.ts";

test("a used entry stays, an unused one is evicted, and long texts are never cached", () => {
  const cache = new TextCache<number>();
  cache.set("used", -1);
  for (let i = 0; i < 200_000; i++) {
    cache.set(`word ${i}`, i);
    if (i % 10_000 === 0) expect(cache.get("used")).toBe(-1);
  }
  expect(cache.get("word 0")).toBeUndefined();
  expect(cache.get("word 99999")).toBeUndefined();
  expect(cache.get("word 199999")).toBe(199_999);

  const long = "x".repeat(65);
  cache.set(long, 1);
  expect(cache.get(long)).toBeUndefined();
  cache.set(long.slice(1), 2);
  expect(cache.get(long.slice(1))).toBe(2);
});
