/** The mutex: fair, one at a time, and unharmed by exceptions. Oracle: the order in which the test asked. */

import fc from "fast-check";
import { expect, test } from "vitest";
import { Mutex } from "../../../src/runtime/mutex.ts";

test("tasks never overlap, run in the order asked, and each settles with its own outcome", async () => {
  const task = fc.record({ turns: fc.nat(4), fails: fc.boolean(), atOnce: fc.boolean() });
  await fc.assert(
    fc.asyncProperty(fc.array(task, { maxLength: 12 }), async (tasks) => {
      const mutex = new Mutex();
      const order: number[] = [];
      let inside = 0;
      const outcomes = await Promise.allSettled(
        tasks.map(({ turns, fails, atOnce }, index) => {
          if (atOnce) {
            return mutex.run(() => {
              order.push(index);
              if (fails) throw new Error(`task ${index}`);
              return index;
            });
          }
          return mutex.run(async () => {
            inside++;
            order.push(index);
            for (let turn = 0; turn < turns; turn++) {
              await Promise.resolve();
              expect(inside).toBe(1);
            }
            inside--;
            if (fails) throw new Error(`task ${index}`);
            return index;
          });
        }),
      );
      expect(order).toEqual(tasks.map((_, index) => index));
      expect(outcomes.map(({ status }) => status)).toEqual(
        tasks.map(({ fails }) => (fails ? "rejected" : "fulfilled")),
      );
      for (const [index, outcome] of outcomes.entries()) {
        if (outcome.status === "fulfilled") expect(outcome.value).toBe(index);
        else expect(outcome.reason).toEqual(new Error(`task ${index}`));
      }
    }),
  );
});

test("a task asked for from within a task runs after it", async () => {
  const mutex = new Mutex();
  const order: string[] = [];
  let inner: Promise<void> = Promise.resolve();
  await mutex.run(() => {
    inner = mutex.run(() => {
      order.push("inner");
    });
    order.push("outer");
  });
  await inner;
  expect(order).toEqual(["outer", "inner"]);
});
