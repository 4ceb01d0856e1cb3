/** The list of rows, a page at a time. Oracle: the calls that a counting data worker hears. */

import { expect, test } from "vitest";
import type { EngineClient } from "../../../src/client/client.ts";
import type { RowHead } from "../../../src/protocol/datasets.ts";
import type { DataSpec } from "../../../src/run/dataSpec.ts";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { createHeads } from "../../../src/store/heads.ts";

const { template, systemPrompt, mask, maxLength, truncation } = defaultRecipe("lora");
const spec: DataSpec = {
  modelHash: "m",
  sources: ["a", "b"].map((hash) => ({ hash, mapping: null, lambda: 1, excluded: [] })),
  settings: { template, systemPrompt, mask, maxLength, truncation },
  mixture: "sampling",
  validationShare: 0.1,
  seed: 1,
};

type Answer = { resolve(): void; reject(error: Error): void; from: number; signal: AbortSignal };

function listing() {
  const calls: Answer[] = [];
  const heads = async (asked: DataSpec, source: number, from: number, to: number, signal?: AbortSignal) => {
    if (!signal) throw new Error("A list must be able to end its calls.");
    await new Promise<void>((resolve, reject) => {
      calls.push({ resolve, reject, from, signal });
      signal.addEventListener("abort", () => reject(signal.reason));
    });
    const text = `${asked.sources[source]?.hash} ${asked.settings.maxLength}`;
    return Array.from(
      { length: to - from },
      (_, index): RowHead => ({
        row: from + index,
        text,
        tokens: 1,
        supervised: 1,
        lost: 0,
        state: "used",
        problem: null,
      }),
    );
  };
  // Of the client only the list of rows is used.
  const client: Pick<EngineClient, "data"> = { data: { ...({} as EngineClient["data"]), heads } };
  return { calls, heads: createHeads(client) };
}

const settled = () => new Promise((resolve) => setTimeout(resolve));

test("what is in sight is loaded once, in whole pages, and what is scrolled past is ended", async () => {
  const { calls, heads } = listing();
  heads.list(spec, 0);
  heads.want(90, 120);
  heads.want(95, 130);
  expect(calls.map(({ from }) => from)).toEqual([0, 100]);
  calls[0]?.resolve();
  await settled();
  expect(heads.at(42)).toMatchObject({ row: 42, text: "a 512" });
  expect(heads.at(142)).toBeNull();
  heads.want(5000, 5010);
  expect(calls[1]?.signal.aborted).toBe(true);
  expect(calls.map(({ from }) => from)).toEqual([0, 100, 5000]);
});

test("a changed setting keeps what is shown until it comes anew; λ changes nothing; another source begins empty", async () => {
  const { calls, heads } = listing();
  heads.list(spec, 0);
  heads.want(0, 10);
  calls[0]?.resolve();
  await settled();
  const [first] = spec.sources;
  if (!first) throw new Error("The spec has two sources.");
  heads.list({ ...spec, sources: [{ ...first, lambda: 3 }] }, 0);
  heads.want(0, 10);
  expect(calls).toHaveLength(1);
  heads.list({ ...spec, settings: { ...spec.settings, maxLength: 64 } }, 0);
  heads.want(0, 10);
  expect(heads.at(1)?.text).toBe("a 512");
  calls[1]?.resolve();
  await settled();
  expect(heads.at(1)?.text).toBe("a 64");
  heads.list(spec, 1);
  expect(heads.at(1)).toBeNull();
});

test("a failure is told and not repeated until it is asked for", async () => {
  const { calls, heads } = listing();
  heads.list(spec, 0);
  heads.want(0, 10);
  calls[0]?.reject(new Error("The rows are gone."));
  await settled();
  expect(heads.failure()?.message).toBe("The rows are gone.");
  heads.want(0, 10);
  expect(calls).toHaveLength(1);
  heads.retry();
  heads.want(0, 10);
  calls[1]?.resolve();
  await settled();
  expect(heads.failure()).toBeNull();
  expect(heads.at(3)?.row).toBe(3);
});
