/** A disk that is full in the middle of an export. Oracles: nothing of the file stays, and storage is byte for byte as before. */

import { expect, test } from "vitest";
import { createExports } from "../../../src/engine/export.ts";
import type { Library } from "../../../src/engine/library.ts";
import { createRunService } from "../../../src/engine/runs.ts";
import type { TextService } from "../../../src/engine/textService.ts";
import { StorageFullError } from "../../../src/storage/errors.ts";
import { memoryScratch, type Scratch } from "../../../src/storage/scratch.ts";
import { diskText, placeOn, saveRun } from "./runFileMade.ts";

/** Scratch files of which the `at`-th write (from 1), or the end, finds the disk full; those that stay are counted. */
function fullAt(at: number | "end") {
  let writes = 0;
  let open = 0;
  const inner = memoryScratch();
  const full = () => new StorageFullError("The archive", 5e6, null);
  const scratch: Scratch = {
    async create(what) {
      const file = await inner.create(what);
      open++;
      return {
        write(bytes, place) {
          if (++writes === at) throw full();
          file.write(bytes, place);
        },
        async finish() {
          if (at === "end") throw full();
          return file.finish();
        },
        async discard() {
          open--;
          await file.discard();
        },
      };
    },
  };
  return { scratch, writes: () => writes, open: () => open };
}

test("a full disk at any write of an export leaves nothing, and says what is true", async () => {
  const { storage, disk } = await placeOn();
  await saveRun(storage);
  const before = await diskText(disk);
  const exportWith = (scratch: Scratch) => {
    const emit = () => undefined;
    return createRunService(
      storage,
      createExports(storage, {} as Library, {} as TextService, scratch, emit),
      emit,
    ).calls.exportRun("made");
  };
  const counted = fullAt(0);
  await exportWith(counted.scratch);
  expect(counted.open()).toBe(1);
  expect(counted.writes()).toBeGreaterThan(20);
  for (const at of [...Array.from({ length: counted.writes() }, (_, i) => i + 1), "end" as const]) {
    const full = fullAt(at);
    await expect(exportWith(full.scratch), `write ${at}`).rejects.toThrow(
      "The archive needs 5 MB, but this browser gives no more room. Delete a run or a model of this browser, or free disk space, then try again.",
    );
    expect(full.open()).toBe(0);
    expect(await diskText(disk)).toBe(before);
  }
});
