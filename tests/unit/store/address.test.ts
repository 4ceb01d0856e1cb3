/** Addresses read and written. Oracle: rows by hand, and that what is written reads as what it was. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { pages, readAddress, writeAddress } from "../../../src/store/address.ts";
import type { PageName } from "../../../src/store/state.ts";

test.each<[hash: string, page: PageName, part: string | null]>([
  ["", "train", null],
  ["#", "train", null],
  ["#compare", "compare", null],
  ["#take-away", "take-away", null],
  ["#preflight", "data", "preflight"],
  ["#preview", "template", "preview"],
  ["#no-such-screen", "train", null],
  ["#constructor", "train", null],
  ["#data?", "data", null],
])("%s shows %s", (hash, page, part) => {
  expect(readAddress(hash)).toEqual({ page, part, settings: null });
});

test("a link carries method, provider and what was typed, and anything odd in it is the defaults", () => {
  expect(readAddress("#train?method=full&compute=wasm&steps=12&learningRate=5e-3").settings).toEqual({
    method: "full",
    compute: "wasm",
    entries: { steps: "12", learningRate: "5e-3" },
  });
  expect(readAddress("#train?method=magic&compute=abacus").settings).toEqual({
    method: "lora",
    compute: "auto",
    entries: {},
  });
});

test("settings at their defaults leave the address bare", () => {
  expect(writeAddress("data", { method: "lora", compute: "auto", entries: {} })).toBe("#data");
});

test("what is written reads as what it was, whatever was typed", () => {
  const names = fc.stringMatching(/^[a-z][A-Za-z]{0,12}$/).filter((name) => name !== "method" && name !== "compute");
  fc.assert(
    fc.property(
      fc.constantFrom(...pages),
      fc.constantFrom("lora" as const, "full" as const),
      fc.constantFrom("auto" as const, "webgpu" as const, "wasm" as const),
      fc.dictionary(names, fc.string({ unit: "grapheme" }), { noNullPrototype: true }),
      (page, method, compute, entries) => {
        const settings = { method, compute, entries };
        const read = readAddress(writeAddress(page, settings));
        const bare = method === "lora" && compute === "auto" && Object.keys(entries).length === 0;
        expect(read).toEqual({ page, part: null, settings: bare ? null : settings });
      },
    ),
    { seed: 5, numRuns: 300 },
  );
});
