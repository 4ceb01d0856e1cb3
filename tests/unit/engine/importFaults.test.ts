/**
 * An import that is cancelled, killed or out of room at any moment. Oracles: storage is byte for byte as before, or has the whole run;
 * a new tab finds no orphan.
 */

import { strToU8 } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import type { KeyValue } from "../../../src/storage/keyValue.ts";
import { openStorage } from "../../../src/storage/storage.ts";
import { faulty, newDisk, tabOn } from "../storage/backend.ts";
import { asFile, diskText, expectRefused, madeParts, type Parts, packed, placeOn, raw } from "./runFileMade.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await madeParts();
});

describe("leaves nothing behind", () => {
  test("cancelled at any of its reads", async () => {
    const content = await packed(parts);
    let reads = 0;
    for (let stop = 1; stop < 400; stop++) {
      const controller = new AbortController();
      reads = 0;
      const file = asFile(content);
      const { slice } = file;
      file.slice = (...range) => {
        if (++reads === stop) controller.abort(new Error("It was cancelled."));
        return slice.apply(file, range);
      };
      const place = await placeOn();
      const before = await diskText(place.disk);
      const ended = await place.importRun(file, controller.signal).then(
        ({ added }) => added,
        (error: unknown) => String(error),
      );
      if (ended === true) break;
      expect(ended).toBe("Error: It was cancelled.");
      expect(await diskText(place.disk)).toBe(before);
    }
    expect(reads).toBeGreaterThan(10);
  });

  test("cancelled at any touch of storage, it is all there or nothing is", async () => {
    const content = await packed(parts);
    let [refused, taken] = [0, 0];
    for (let stop = 1; taken < 3; stop++) {
      const controller = new AbortController();
      let touched = 0;
      const touch = () => {
        if (++touched === stop) controller.abort(new Error("It was cancelled."));
      };
      const disk = newDisk();
      const place = await placeOn({ records: touching(disk.records, touch), chunks: touching(disk.chunks, touch) });
      touched = 0;
      const ended = await place.importRun(asFile(content), controller.signal).then(
        ({ added }) => added,
        (error: unknown) => String(error),
      );
      if (ended === true) taken++;
      else {
        refused++;
        expect(ended).toBe("Error: It was cancelled.");
        expect(await diskText(disk)).toBe("");
      }
      const { orphans, damaged } = await (await openStorage(tabOn(disk))).audit();
      expect({ orphans, damaged }).toEqual({ orphans: 0, damaged: 0 });
    }
    expect(refused).toBeGreaterThan(5);
  });

  test.each(["killed before", "killed after", "full"] as const)("%s any of its writes", async (fault) => {
    const content = await packed(parts);
    let faults = 0;
    for (let at = 1; ; at++) {
      const disk = newDisk();
      const broken = faulty(disk, at, fault);
      const ended = await (await placeOn(broken.disk)).importRun(asFile(content)).then(
        () => null,
        (error: unknown) => error,
      );
      if (ended === null) break;
      faults++;
      if (fault === "full") {
        expect(String(ended)).toMatch(
          /StorageFullError: The run "run made" needs .* MB, but this browser gives no more room\./,
        );
        expect(String(ended)).not.toMatch(raw);
        expect(await diskText(disk)).toBe("");
      }
      // A new tab on what the dead one left.
      const after = await placeOn(disk);
      expect(await after.storage.audit()).toMatchObject({ orphans: 0, damaged: 0 });
      const there = (await after.listRuns()).length;
      expect([(await after.storage.datasets.list()).entries.length, there > 0 ? 2 : 0]).toEqual([
        there,
        (await after.storage.checkpoints.steps("made")).length,
      ]);
      await after.importRun(asFile(content));
      expect(await after.storage.checkpoints.steps("made")).toEqual([60, 50]);
    }
    expect(faults).toBeGreaterThan(1);
  });

  test("a new chunk stays neither where the last of the rows is wrong", async () => {
    const path = Object.keys(parts).find((name) => name.startsWith("data/")) ?? "";
    await expectRefused(await packed({ ...parts, [path]: strToU8("[]") }), /have 0 rows in piece 0/);
  });
});

/** The store, which says each time that it is used. */
const touching = (inner: KeyValue, touch: () => void): KeyValue => ({
  async get(key) {
    touch();
    return inner.get(key);
  },
  async keys(prefix) {
    touch();
    return inner.keys(prefix);
  },
  async write(puts, deletes) {
    touch();
    return inner.write(puts, deletes);
  },
});
