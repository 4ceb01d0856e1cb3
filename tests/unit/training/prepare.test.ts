/** Sessions before a step. Oracle: the lists by hand. */

import { describe, expect, it } from "vitest";
import type { Artifact } from "../../../src/artifacts/contract.ts";
import { prepareAll } from "../../../src/training/feeds.ts";

const named = (key: string) => ({ key }) as Artifact;

describe("prepareAll", () => {
  it("builds each session once, in order, and reports how many are ready", async () => {
    const [a, b, c] = ["a", "b", "c"].map(named) as [Artifact, Artifact, Artifact];
    const seen: string[] = [];
    const runtime = { prepare: async ({ key }: Artifact) => void seen.push(key) };
    await prepareAll(runtime, [a, b, a, c, b], (done, total) => seen.push(`${done}/${total}`));
    expect(seen).toEqual(["0/3", "a", "1/3", "b", "2/3", "c", "3/3"]);
  });

  it("reports nothing missing where there is no artifact, and needs no listener", async () => {
    const seen: number[][] = [];
    const runtime = { prepare: async () => undefined };
    await prepareAll(runtime, [], (...counts) => seen.push(counts));
    await prepareAll(runtime, [named("a")]);
    expect(seen).toEqual([[0, 0]]);
  });

  it("stops at a session that cannot be built", async () => {
    const seen: string[] = [];
    const runtime = {
      async prepare({ key }: Artifact) {
        if (key === "b") throw new Error("No memory.");
        seen.push(key);
      },
    };
    const all = prepareAll(runtime, ["a", "b", "c"].map(named), (done, total) => seen.push(`${done}/${total}`));
    await expect(all).rejects.toThrow("No memory.");
    expect(seen).toEqual(["0/3", "a", "1/3"]);
  });
});
