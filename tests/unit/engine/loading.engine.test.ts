/** Loading a model's weights through the engine: progress in bytes, and a cancel at any time. Oracle: the stored bytes. */

import { expect, test, vi } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { defineModel } from "../../../src/models/define.ts";
import type { AnswerRequest, EngineEvent } from "../../../src/protocol/engine.ts";
import { beforeTasks } from "../../../src/run/beforeTasks.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { sizeOf } from "../../../src/tensor/dtype.ts";
import { engineHere } from "../../support/engineHere.ts";
import { asFiles, sizedModel, tinyConfig } from "../../support/tinyLlama.ts";

test("reports bytes, ends when the last caller cancels, and begins anew", { timeout: 120_000 }, async () => {
  const here = await engineHere(nodeEntries);
  const { engine } = here;
  await engine.start("wasm");
  // The embedding alone has five pieces.
  const change = { vocab_size: 300_000 };
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(sizedModel(change)) });
  const tensors = checkpointTensors(defineModel({ ...tinyConfig, ...change }));
  const total = 4 * tensors.reduce((sum, { shape }) => sum + sizeOf(shape), 0);

  let loading: Extract<EngineEvent, { type: "progress" }>[] = [];
  let onLoading = (_done: number) => {};
  here.onEvent((event) => {
    if (event.type !== "progress" || event.task !== beforeTasks.weights) return;
    loading.push(event);
    onLoading(event.done);
  });
  const request: AnswerRequest = {
    requestId: "1",
    modelHash,
    runId: null,
    checkpoint: null,
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    messages: [{ role: "user", content: "Say 1." }],
    sampling: { temperature: 0, topK: null, topP: 1, maxTokens: 1, seed: 1 },
  };

  // Events are ten a second at most: with this clock every piece has one.
  let clock = 0;
  const now = vi.spyOn(performance, "now").mockImplementation(() => {
    clock += 200;
    return clock;
  });
  for (const part of [0, 0.01, 0.5]) {
    loading = [];
    const controller = new AbortController();
    const reason = new Error("enough");
    onLoading = (done) => {
      if (done >= part * total) controller.abort(reason);
    };
    await expect(engine.answer(request, controller.signal)).rejects.toBe(reason);
    expect(loading.at(-1)?.done).toBeLessThan(total);
  }
  now.mockRestore();

  loading = [];
  onLoading = () => {};
  expect((await engine.answer(request)).finish).toBe("length");
  expect(loading[0]).toEqual({ type: "progress", task: beforeTasks.weights, done: 0, total });
  expect(loading.at(-1)?.done).toBe(total);
  const done = loading.map((event) => event.done);
  expect(done).toEqual(done.toSorted((a, b) => a - b));
  expect(new Set(loading.map((event) => event.total))).toEqual(new Set([total]));

  // They are on the device now.
  loading = [];
  await engine.answer(request);
  expect(loading).toEqual([]);
});
