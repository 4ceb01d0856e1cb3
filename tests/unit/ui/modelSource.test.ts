/** The files of a chosen or dropped folder. Oracle: their names, listed by hand. */

import { expect, test } from "vitest";
import { droppedSource, topLevel } from "../../../src/ui/model/source.ts";
import { chosen, droppedFolder } from "../../support/droppedFolder.ts";

const paths = [
  "model/config.json",
  "model/additional_chat_templates/tool_use.jinja",
  "model/additional_chat_templates/old/rag.jinja",
  "model/onnx/config.json",
  "model/model.safetensors",
];
const wanted = ["additional_chat_templates/tool_use.jinja", "config.json", "model.safetensors"];

async function requireFiles(source: ReturnType<typeof topLevel>) {
  if (source.kind !== "files") throw new Error("Files were expected.");
  expect(source.name).toBe("model");
  expect(source.files.map(({ name }) => name).sort()).toEqual(wanted);
  const contents = await Promise.all(source.files.map((file) => file.text()));
  expect(contents.sort()).toEqual(wanted.map((name) => `model/${name}`).sort());
}

test("of a chosen folder", () => requireFiles(topLevel(paths.map(chosen))));

test("of a dropped folder", async () => {
  await requireFiles(await droppedSource(droppedFolder("model", paths)));
});
