/** A disk that Chromium itself says is full, through DevTools' simulated quota; oracle: what was saved before. */

import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { cdp } from "vitest/browser";
import { StorageFullError } from "../../src/storage/errors.ts";
import { indexedDbKeyValue } from "../../src/storage/indexedDb.ts";
import { openStorage } from "../../src/storage/storage.ts";
import { contents, file, loadWhole, patternBytes, runRecord } from "../unit/storage/backend.ts";

/** Room beside what other tests have left of this origin. */
const room = 60_000_000;
/** Several batches of writes: the first fits, whatever the probes have left behind, and a later one does not. */
const tooMuch = 75_000_000;
const overrideQuota = (size?: number) =>
  cdp().send("Storage.overrideQuotaForOrigin", {
    origin: location.origin,
    ...(size !== undefined && { quotaSize: size }),
  });

beforeAll(async () => {
  const probe = indexedDbKeyValue("hone-quota-probe");
  for (const store of [indexedDbKeyValue("hone-records"), indexedDbKeyValue("hone-chunks")]) {
    await store.write([], await store.keys());
  }
  const { usage = 0 } = await navigator.storage.estimate();
  await overrideQuota(usage + room);
  // Chromium remembers for half a minute how much room there was.
  await vi.waitFor(
    async () => {
      const outcome = await probe.write([["a", patternBytes(room, 1)]]).then(
        () => "still room",
        (error: unknown) => (error instanceof Error || error instanceof DOMException ? error.name : ""),
      );
      await probe.write([], ["a"]);
      expect(outcome).toBe("QuotaExceededError");
    },
    { timeout: 55_000, interval: 2000 },
  );
  // What the refused write left behind counts until it is cleared away.
  await vi.waitFor(() => probe.write([["a", patternBytes(room / 2, 1)]]), { timeout: 55_000, interval: 500 });
  await probe.write([], ["a"]);
}, 180_000);

afterAll(() => overrideQuota());

test("a full disk is said so, loses nothing, and once there is room the same save succeeds", async () => {
  const storage = await openStorage();
  const next = contents(runRecord("r", 2), { w: patternBytes(tooMuch, 2) });
  await storage.checkpoints.save(contents(runRecord("r", 1), { w: patternBytes(1000, 1) }));

  const full = await storage.checkpoints.save(next).catch((error: unknown) => error);
  expect(full).toBeInstanceOf(StorageFullError);
  // The first batch of four chunks was written, so less than the whole was still needed.
  expect(full).toMatchObject({ needed: expect.any(Number) });
  expect((full as StorageFullError).needed).toBeLessThan(tooMuch - 16_000_000);
  expect(String(full)).toMatch(
    /The checkpoint of step 2 of run "run r" needs \d+ MB, but this browser gives .*Nothing that was/,
  );
  await expect(
    storage.models.save({ hash: "m", name: "tiny", summary: null, files: [file("w", patternBytes(tooMuch, 5))] }),
  ).rejects.toThrow(StorageFullError);

  const { step, tensors } = await loadWhole(storage, "r");
  expect([step, tensors.w]).toEqual([1, patternBytes(1000, 1)]);
  expect((await storage.runs.get("r"))?.step).toBe(1);
  expect(await storage.audit()).toMatchObject({ chunks: 2, orphans: 0, damaged: 0 });

  await overrideQuota();
  await storage.checkpoints.save(next);
  expect((await loadWhole(storage, "r")).step).toBe(2);
});
