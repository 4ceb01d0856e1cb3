/** `npm run gpu` without a GPU: arguments, sizes, rows, and the reason where there is no WebGPU under Node. */

import { expect, test, vi } from "vitest";
import { choiceFromArguments, choiceOf } from "../../../scripts/gpu/choice.ts";
import { parts } from "../../../scripts/gpu/parts.ts";
import { atMost, measured, numberText, rowText, skipped, summaryOf } from "../../../scripts/gpu/row.ts";
import { scaleOf } from "../../../scripts/gpu/scale.ts";
import { copyOfShared, dawnEntries, dawnFolder } from "../../../src/runtime/dawnEntries.ts";

test("arguments choose parts in their own order, and an unknown part is refused with all names", () => {
  expect(choiceFromArguments([])).toEqual({ quick: false, deep: false, parts, json: undefined });
  const chosen = choiceFromArguments(["--quick", "--only", "bench, parity", "--json", "out.json"]);
  expect(chosen).toMatchObject({ quick: true, json: "out.json" });
  expect(chosen.parts.map(({ name }) => name)).toEqual(["parity", "bench"]);
  expect(() => choiceOf({ quick: false, deep: false, only: "parity,speed" })).toThrow(
    /^--only has no part speed; .*adapter, parity/,
  );
  expect(() => choiceOf({ quick: false, deep: false, only: "" })).toThrow(/--only has no part/);
  expect(() => choiceOf({ quick: false, deep: false, only: "x".repeat(500) })).toThrow(/^.{1,300}$/);
  expect(() => choiceFromArguments(["--fast"])).toThrow(/--fast/);
});

test("the parts have names of their own, and together at most eight minutes on a real GPU", () => {
  expect(new Set(parts.map(({ name }) => name)).size).toBe(parts.length);
  expect(parts.reduce((sum, { seconds }) => sum + seconds, 0)).toBeLessThanOrEqual(8 * 60);
});

test("every part loads", { timeout: 60_000 }, async () => {
  for (const part of parts) expect(await part.load()).toMatchObject({ run: expect.any(Function) });
});

test("an emulated adapter gets smaller sizes and more time than a real one, and --quick never larger ones", () => {
  const of = (emulated: boolean, quick: boolean) => scaleOf(emulated, { quick, deep: false });
  for (const quick of [false, true]) {
    const [real, emulated] = [of(false, quick), of(true, quick)];
    for (const field of ["matrix", "rounds", "layers", "vocabulary", "length", "families"] as const) {
      expect([field, emulated[field] <= real[field]]).toEqual([field, true]);
      expect([field, of(false, true)[field] <= of(false, false)[field]]).toEqual([field, true]);
      expect([field, of(true, true)[field] <= of(true, false)[field]]).toEqual([field, true]);
    }
    expect(emulated.patience).toBeGreaterThan(real.patience);
    expect(emulated.rule).toContain(`${emulated.length} tokens a row`);
  }
});

test("--deep gives an emulated adapter the layers and the vocabulary of a real one, and changes nothing there", () => {
  const deep = { quick: false, deep: true };
  const [real, emulated] = [scaleOf(false, deep), scaleOf(true, deep)];
  expect(real).toEqual(scaleOf(false, { quick: false, deep: false }));
  expect([emulated.layers, emulated.vocabulary]).toEqual([real.layers, real.vocabulary]);
  expect(emulated.length).toBeLessThan(real.length);
  expect(emulated.patience).toBeGreaterThan(scaleOf(true, { quick: false, deep: false }).patience);
});

test("numbers have four digits, and whole ones all of theirs", () => {
  const rows = [
    [0, "0"],
    [4294967295, "4294967295"],
    [1234.5678, "1235"],
    [0.12345, "0.1235"],
    [1.04e-6, "1.0e-6"],
    [12345678.9, "1.2e+7"],
    [Number.NaN, "NaN"],
  ] as const;
  for (const [value, text] of rows) expect(numberText(value)).toBe(text);
});

test("a check passes up to its limit and fails above it, and for NaN", () => {
  expect(atMost("a", 2, 2, "s").verdict).toBe("ok");
  expect(atMost("a", 2.1, 2, "s").verdict).toBe("FAIL");
  expect(atMost("a", Number.NaN, 2, "s").verdict).toBe("FAIL");
  expect(rowText(atMost("loss", 2.1, 2, "nats", "why"))).toMatch(/^ {2}FAIL +loss +2\.1 nats {2}at most 2; why$/);
});

test("the summary counts, and fails for a failed check or a part that ended early", () => {
  const part = (rows: Parameters<typeof rowText>[0][], error: string | null = null) => ({
    part: "p",
    seconds: 1.4,
    rows,
    error,
  });
  const good = part([atMost("a", 1, 2, ""), measured("b", 3, "s"), skipped("c", "no shader-f16")]);
  expect(summaryOf([good, good])).toEqual({
    text: "2 parts in 3 s: 2 checks passed, 0 failed, 2 skipped, 0 parts ended early",
    failed: false,
  });
  expect(summaryOf([good, part([atMost("a", 3, 2, "")])]).failed).toBe(true);
  expect(summaryOf([good, part([], "it took more than its 40 s")])).toMatchObject({
    text: expect.stringContaining("1 parts ended early"),
    failed: true,
  });
});

// A machine where the package is installed for all folders has no such reason.
test.skipIf(dawnFolder("/nowhere") !== null)("without the package the reason says how to get it", async () => {
  vi.stubEnv("HONE_WEBGPU", "/nowhere");
  expect(await dawnEntries()).toMatch(/needs the npm package webgpu.*HONE_WEBGPU=/);
  vi.unstubAllEnvs();
});

test("only bytes of shared memory are copied; start and size count elements", () => {
  const shared = new SharedArrayBuffer(32);
  const all = new Uint8Array(shared);
  all.forEach((_, i) => {
    all[i] = i;
  });
  const floats = new Float32Array(shared, 8, 4);
  const from = (first: number, end: number) => Uint8Array.from({ length: end - first }, (_, i) => first + i);
  expect(copyOfShared(shared)).toEqual(from(0, 32));
  expect(copyOfShared(shared, 5, 3)).toEqual(from(5, 8));
  expect(copyOfShared(all, 4)).toEqual(from(4, 32));
  expect(copyOfShared(floats)).toEqual(from(8, 24));
  expect(copyOfShared(floats, 1, 2)).toEqual(from(12, 20));
  expect(copyOfShared(new DataView(shared, 4, 8), 2, 4)).toEqual(from(6, 10));
  expect(copyOfShared(floats)?.buffer).toBeInstanceOf(ArrayBuffer);
  for (const plain of [new ArrayBuffer(8), new Uint8Array(8), new Float32Array(2)])
    expect(copyOfShared(plain)).toBe(null);
});
