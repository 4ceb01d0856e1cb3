/** The budget of sessions on wasm under Node. Oracles: the formula of each tiny graph, and the account. */

import { afterEach, describe, expect, test } from "vitest";
import type { Artifact } from "../../../src/artifacts/contract.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { createRuntime } from "../../../src/runtime/runtime.ts";
import type { SessionBudget } from "../../../src/runtime/sessionCache.ts";
import type { HostTensor, Runtime } from "../../../src/runtime/types.ts";
import { gatherRows, multiplyAdd } from "./tinyArtifacts.ts";

let runtime: Runtime;
afterEach(() => runtime.dispose());

/** Without a limit where none is given. */
async function open(budget: Partial<SessionBudget>) {
  const unlimited = { sessions: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };
  runtime = await createRuntime("wasm", {
    entries: nodeEntries,
    threads: 1,
    sessionBudget: { ...unlimited, ...budget },
  });
}

const filled = (size: number, value: number): HostTensor => ({
  dtype: "float32",
  shape: [size],
  data: new Float32Array(size).fill(value),
});
/** a · b + c over `size` numbers: 2 · 3 + 4. */
const feeds = (size: number) => ({ a: filled(size, 2), b: filled(size, 3), c: filled(size, 4) });
const expected = (size: number) => ({ y: filled(size, 10) });

async function runOnce(artifact: Artifact, size: number) {
  const session = await runtime.session(artifact);
  expect(await session.run(feeds(size))).toEqual(expected(size));
  return session;
}

describe("a budget of sessions", () => {
  test("releases the least recently used one, and builds it anew when it is asked for", async () => {
    await open({ sessions: 2 });
    const first = await runOnce(multiplyAdd(1), 1);
    const second = await runOnce(multiplyAdd(2), 2);
    expect(await runOnce(multiplyAdd(1), 1)).toBe(first);
    await runOnce(multiplyAdd(3), 3);
    expect(runtime.memory().sessions).toBe(2);
    await expect(second.run(feeds(2))).rejects.toThrow(/has been released; request a new one/);
    expect(await runOnce(multiplyAdd(1), 1)).toBe(first);
    expect(await runOnce(multiplyAdd(2), 2)).not.toBe(second);
    expect(runtime.memory().sessions).toBe(2);
  });

  test("stays bounded however many artifacts there are, in sessions and in bytes", async () => {
    await open({});
    for (let size = 1; size <= 12; size++) await runOnce(multiplyAdd(size), size);
    const { sessions, sessionBytes } = runtime.memory();
    expect(sessions).toBe(12);
    await runtime.dispose();

    const limit = sessionBytes / 3;
    await open({ bytes: limit });
    for (let size = 1; size <= 12; size++) {
      await runOnce(multiplyAdd(size), size);
      expect(runtime.memory().sessionBytes).toBeLessThanOrEqual(limit);
    }
    expect(runtime.memory().sessions).toBeGreaterThanOrEqual(3);
    await runtime.releaseSessions();
    expect(runtime.memory()).toMatchObject({ sessions: 0, sessionBytes: 0 });
  });

  test("keeps a session that was asked for and has not run", async () => {
    await open({ sessions: 1 });
    const waiting = await runtime.session(multiplyAdd(1));
    await runOnce(multiplyAdd(2), 2);
    await runOnce(multiplyAdd(3), 3);
    expect(await waiting.run(feeds(1))).toEqual(expected(1));
    await runOnce(multiplyAdd(4), 4);
    expect(runtime.memory().sessions).toBe(1);
    await expect(waiting.run(feeds(1))).rejects.toThrow(/has been released/);
  });

  test("keeps it for everybody who asked: the run of one does not end the wait of another", async () => {
    await open({ sessions: 1 });
    const [mine] = await Promise.all([runtime.session(multiplyAdd(1)), runOnce(multiplyAdd(1), 1)]);
    await runOnce(multiplyAdd(2), 2);
    expect(await mine.run(feeds(1))).toEqual(expected(1));
  });

  test("keeps a session whose run is under way or waits its turn", async () => {
    await open({ sessions: 1 });
    const session = await runtime.session(multiplyAdd(1));
    // The last run waits behind the building of the others.
    const early = session.run(feeds(1));
    const others = [2, 3].map((size) => runOnce(multiplyAdd(size), size));
    const late = session.run(feeds(1));
    for (const run of [early, late]) expect(await run).toEqual(expected(1));
    await Promise.all(others);
    await runOnce(multiplyAdd(4), 4);
    expect(runtime.memory().sessions).toBe(1);
  });

  test("one that was only prepared may be released, and is there until then", async () => {
    await open({ sessions: 2 });
    await runtime.prepare(multiplyAdd(1));
    await runtime.prepare(multiplyAdd(2));
    expect(runtime.memory().sessions).toBe(2);
    await runtime.prepare(multiplyAdd(3));
    expect(runtime.memory().sessions).toBe(2);
    await runOnce(multiplyAdd(1), 1);
  });

  test("one whose run failed leaves the account, and no room is made for it", async () => {
    await open({ sessions: 2 });
    const kept = await runOnce(multiplyAdd(1), 1);
    const failing = await runtime.session(gatherRows(2, 1));
    const table: HostTensor = { dtype: "int32", shape: [2, 2], data: new Int32Array(4) };
    const index: HostTensor = { dtype: "int32", shape: [1], data: Int32Array.of(9) };
    await expect(failing.run({ table, index })).rejects.toThrow(/indices element out of data bounds/);
    expect(runtime.memory().sessions).toBe(1);
    await runOnce(multiplyAdd(2), 2);
    expect(await runOnce(multiplyAdd(1), 1)).toBe(kept);
  });
});

test("an artifact whose session is there is not read again", async () => {
  await open({});
  const session = await runOnce(multiplyAdd(1), 1);
  const unread: Artifact = {
    ...multiplyAdd(1),
    bytes() {
      throw new Error("The graph was written again.");
    },
  };
  expect(await runtime.session(unread)).toBe(session);
});
