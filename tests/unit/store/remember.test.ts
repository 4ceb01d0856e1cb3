/** What is kept across reloads: restored when well formed, left alone when not. */

import { expect, test } from "vitest";
import { withSaved } from "../../../src/store/remember.ts";
import { initialState } from "../../../src/store/state.ts";

test("choices and typed text come back", () => {
  const written = JSON.stringify({
    welcomed: true,
    choice: "wasm",
    model: "m",
    sources: [
      {
        hash: "d",
        mapping: { format: "dolly", columns: { input: "context", magic: "x" } },
        lambda: 2,
        excluded: [5, 1, 5, -1, "2"],
      },
      { hash: "e", mapping: { format: "magic" }, lambda: -1 },
      { lambda: 1 },
    ],
    recipe: { name: "my run", method: "full", entries: { learningRate: "3e-5x" } },
    watching: { prompt: "What?", row: "7x", source: "d" },
    tellEnd: true,
    question: "Why?",
    sampling: { temperature: "0.7" },
  });
  const state = withSaved(initialState, written);
  expect(state.welcome).toEqual({ settled: false, done: true });
  expect(state.engine.choice).toBe("wasm");
  expect(state.model.selected).toBe("m");
  expect(state.data.chosen).toEqual([
    { hash: "d", mapping: { format: "dolly", columns: { input: "context" } }, lambda: 2, excluded: [1, 5] },
    { hash: "e", mapping: null, lambda: 1, excluded: [] },
  ]);
  expect(state.recipe).toEqual({ name: "my run", method: "full", entries: { learningRate: "3e-5x" } });
  expect(state.watching).toEqual({ prompt: "What?", row: "7x", source: "d" });
  expect(state.notice).toEqual({ wanted: true, refused: false });
  expect(state.compare).toMatchObject({ question: "Why?", entries: { temperature: "0.7" } });
});

test("options and drafts come back; edits are saved with their dataset, not here", () => {
  const draft = { base: "{}", text: '{"a":1.0}', pending: { a: "[" } };
  const source = (options: unknown) => ({
    hash: "d",
    lambda: 1,
    excluded: [],
    options,
    edits: [{ row: 1, value: "{}" }],
  });
  const stateOf = (options: unknown, drafts: unknown) =>
    withSaved(initialState, JSON.stringify({ sources: [source(options)], drafts }));
  const state = stateOf(
    { specialTokens: true, tools: "[]", replaced: true, other: 1 },
    { "d 3": draft, "d 4": { ...draft, text: "{" }, "d 5": 7, "d 6": { text: "5", pending: [1] } },
  );
  expect(state.data.chosen).toEqual([
    {
      hash: "d",
      mapping: null,
      lambda: 1,
      excluded: [],
      options: { specialTokens: true, replaced: true, tools: "[]" },
    },
  ]);
  expect(state.edits.drafts).toEqual({ "d 3": draft, "d 6": { base: "", text: "5", pending: {} } });
  const plain = { hash: "d", mapping: null, lambda: 1, excluded: [] };
  for (const options of [{}, 7, { specialTokens: false }, { tools: "{}" }, { tools: "[a" }, { tools: [] }])
    expect(stateOf(options, []).data.chosen).toEqual([plain]);
});

test.each([
  null,
  "",
  "{",
  "7",
  "[]",
  "{}",
  '{"welcomed":1,"choice":"cuda","model":7,"sources":{"hash":"d"},"recipe":{"method":"magic","entries":{"seed":42}},"watching":[1],"tellEnd":"yes","question":null,"sampling":[1]}',
])("what is not well formed changes nothing: %s", (written) => {
  expect(withSaved(initialState, written)).toEqual(initialState);
});
