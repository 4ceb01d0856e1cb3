/** What is kept across reloads: restored when well formed, left alone when not. */

import { expect, test } from "vitest";
import { withKept } from "../../../src/store/remember.ts";
import { initialState } from "../../../src/store/state.ts";

test("choices and typed text come back", () => {
  const written = JSON.stringify({
    choice: "wasm",
    model: "m",
    dataset: "d",
    recipe: { name: "my run", method: "full", entries: { learningRate: "3e-5x" } },
    question: "Why?",
    sampling: { temperature: "0.7" },
  });
  const state = withKept(initialState, written);
  expect(state.engine.choice).toBe("wasm");
  expect(state.model.selected).toBe("m");
  expect(state.dataset.selected).toBe("d");
  expect(state.recipe).toEqual({ name: "my run", method: "full", entries: { learningRate: "3e-5x" } });
  expect(state.compare).toMatchObject({ question: "Why?", entries: { temperature: "0.7" } });
});

test.each([
  null,
  "",
  "{",
  "7",
  "[]",
  "{}",
  '{"choice":"cuda","model":7,"recipe":{"method":"magic","entries":{"seed":42}},"question":null,"sampling":[1]}',
])("what is not well formed changes nothing: %s", (written) => {
  expect(withKept(initialState, written)).toEqual(initialState);
});
