/**
 * Locks within a realm. Oracle: the Web Locks standard: shared locks together, exclusive ones alone, first come, first
 * served.
 */

import { expect, test } from "vitest";
import { acquireTrainingLock, realmLocks } from "../../../src/storage/lock.ts";

/** A promise that the test resolves. */
function gate() {
  let open = () => {};
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

test("shared locks run together; an exclusive one waits for all, and blocks later ones", async () => {
  const locks = realmLocks();
  const order: string[] = [];
  const [first, second, writer] = [gate(), gate(), gate()];
  const enter = (name: string, wait: Promise<void>) => async () => {
    order.push(`${name} in`);
    await wait;
    order.push(`${name} out`);
  };
  const all = [
    locks.hold("x", "shared", enter("a", first.promise)),
    locks.hold("x", "shared", enter("b", second.promise)),
    locks.hold("x", "exclusive", enter("w", writer.promise)),
    locks.hold("x", "shared", enter("c", Promise.resolve())),
  ];
  expect(await locks.tryHold("x", "shared", async () => "taken")).toBe(null);
  expect(await locks.tryHold("y", "exclusive", async () => "another name")).toBe("another name");
  second.open();
  first.open();
  writer.open();
  await Promise.all(all);
  expect(order).toEqual(["a in", "b in", "b out", "a out", "w in", "w out", "c in", "c out"]);
  expect(await locks.isLocked("x")).toBe(false);
});

test("work that throws releases its lock", async () => {
  const locks = realmLocks();
  await expect(locks.hold("x", "exclusive", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
  expect(await locks.tryHold("x", "exclusive", async () => "free")).toBe("free");
});

test("the training lock goes to one at a time, and again after its release", async () => {
  const locks = realmLocks();
  const release = await acquireTrainingLock(locks);
  expect(release).not.toBe(null);
  expect(await acquireTrainingLock(locks)).toBe(null);
  release?.();
  await locks.hold("hone-training", "exclusive", async () => {});
  expect(await acquireTrainingLock(locks)).not.toBe(null);
});
