/** Making rows on wasm in Node with a made-up model. Oracle: one event for each attempt; equal seeds make equal rows. */

import { expect, test } from "vitest";
import type { EngineEvent, MakeRequest } from "../../../src/protocol/engine.ts";
import { nodeEntries } from "../../../src/runtime/nodeEntries.ts";
import { docxOf } from "../../support/documents.ts";
import { engineHere } from "../../support/engineHere.ts";
import { asFiles, tinyModel } from "../../support/tinyLlama.ts";

test("each attempt is heard, equal seeds make equal rows, and a stop ends it", { timeout: 120_000 }, async () => {
  const { engine, data, onEvent } = await engineHere(nodeEntries);
  await engine.start("wasm");
  const { hash: modelHash } = await engine.openModel({ kind: "files", files: asFiles(tinyModel()) });
  const { documents, failures } = await data.passages([
    new File([docxOf([[["A fox."]], [["An owl."]]])], "a.docx"),
    new File([Uint8Array.of(0, 1)], "b.bin"),
  ]);
  expect(failures.map(({ name }) => name)).toEqual(["b.bin"]);
  const passages = documents.flatMap(({ name, passages: own }) => own.map((one) => ({ ...one, document: name })));
  expect(passages.map(({ text, page }) => [text, page])).toEqual([
    ["A fox.", 1],
    ["An owl.", 2],
  ]);
  const request: MakeRequest = {
    modelHash,
    runId: null,
    checkpoint: null,
    template: { kind: "built-in", name: "hone" },
    systemPrompt: null,
    from: { kind: "documents", passages, perPassage: 2 },
    settings: { seed: 3, temperature: 1, samples: 1, grader: { kind: "none" } },
  };
  const made: Extract<EngineEvent, { type: "made" }>[] = [];
  onEvent((event) => void (event.type === "made" && made.push(event)));
  await engine.makeRows(request);
  const first = made.splice(0);
  expect(first).toHaveLength(4);
  await engine.makeRows(request);
  expect(made.splice(0)).toEqual(first);

  const controller = new AbortController();
  onEvent((event) => event.type === "made" && controller.abort());
  await expect(engine.makeRows(request, controller.signal)).rejects.toMatchObject({ name: "AbortError" });
  expect(made).toHaveLength(1);
  const faulty = { ...request, settings: { ...request.settings, grader: { kind: "regex", text: "(" } as const } };
  await expect(engine.makeRows(faulty)).rejects.toThrow("is no regular expression");
});
