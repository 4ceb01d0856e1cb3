/**
 * A database that does not open. Oracle: storage works in memory and reports the reason in Hone's words; a database
 * that opens late is used.
 */

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type KeyValue, memoryKeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage } from "../../../src/storage/storage.ts";

const opening = vi.hoisted(() => ({ keys: async (): Promise<string[]> => [] }));
vi.mock("../../../src/storage/indexedDb.ts", () => ({
  indexedDbKeyValue: (): KeyValue => ({ ...memoryKeyValue(), keys: () => opening.keys() }),
}));

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const rows: [string, string][] = [
  ["VersionError", "a newer version of Hone has changed the browser's database: reload the page"],
  ["SecurityError", "the browser denies this page its storage"],
  ["InvalidStateError", "the browser closed its database"],
  ["UnknownError", "the browser's database reports a disk error"],
  ["QuotaExceededError", "the browser gives no more room"],
  ["AbortError", "the browser aborted it"],
  ["NotAllowedError", "the browser does not allow it"],
  ["TimeoutError", "the browser's database did not answer"],
  ["DataError", "the browser's database is damaged"],
  ["QuirkError", "the browser gives the reason QuirkError"],
];

test.each(rows)("%s", async (name, reason) => {
  opening.keys = () =>
    Promise.reject(new DOMException("Internal error opening backing store for indexedDB.open.", name));
  const storage = openStorage();
  await vi.advanceTimersByTimeAsync(1000);
  const report = await (await storage).report();
  expect(report).toMatchObject({
    available: false,
    reason: `This browser stores nothing for this page (${reason}). Earlier data cannot be shown. New data stays in memory and is lost when this tab closes.`,
  });
  expect(report.reason?.length).toBeLessThanOrEqual(300);
});

test("a database that another tab blocks is not awaited for ever", async () => {
  opening.keys = () => new Promise(() => undefined);
  const storage = openStorage();
  await vi.advanceTimersByTimeAsync(60_000);
  expect((await (await storage).report()).reason).toContain(
    "(another tab of this page blocks the database: close the other tabs, then reload)",
  );
});

test("one that opens after ten seconds is used", async () => {
  opening.keys = () => new Promise((resolve) => setTimeout(() => resolve([]), 4000));
  const storage = openStorage();
  await vi.advanceTimersByTimeAsync(120_000);
  expect((await (await storage).report()).reason).toBe(null);
});
