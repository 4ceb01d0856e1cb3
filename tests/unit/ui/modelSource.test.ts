/** The files of a chosen or dropped folder. Oracle: their names, listed by hand. */

import { expect, test } from "vitest";
import { droppedSource, topLevel } from "../../../src/ui/model/source.ts";

const paths = [
  "model/config.json",
  "model/additional_chat_templates/tool_use.jinja",
  "model/additional_chat_templates/old/rag.jinja",
  "model/onnx/config.json",
  "model/model.safetensors",
];
const wanted = ["additional_chat_templates/tool_use.jinja", "config.json", "model.safetensors"];

const chosen = (path: string) => {
  const file = new File([path], path.slice(path.lastIndexOf("/") + 1));
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
};

async function requireFiles(source: ReturnType<typeof topLevel>) {
  if (source.kind !== "files") throw new Error("Files were expected.");
  expect(source.name).toBe("model");
  expect(source.files.map(({ name }) => name).sort()).toEqual(wanted);
  const contents = await Promise.all(source.files.map((file) => file.text()));
  expect(contents.sort()).toEqual(wanted.map((name) => `model/${name}`).sort());
}

test("of a chosen folder", () => requireFiles(topLevel(paths.map(chosen))));

/** A folder as the browser gives it in a drop: its members arrive in parts, the last of them empty. */
function entryOf(path: string): object {
  const isFile = paths.includes(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (isFile) return { name, isFile, isDirectory: false, file: (done: (file: File) => void) => done(chosen(path)) };
  const depth = path.split("/").length;
  const below = paths.filter((other) => other.startsWith(`${path}/`));
  const members = [
    ...new Set(
      below.map((other) =>
        other
          .split("/")
          .slice(0, depth + 1)
          .join("/"),
      ),
    ),
  ].map(entryOf);
  return {
    name,
    isFile,
    isDirectory: true,
    createReader: () => ({ readEntries: (done: (entries: object[]) => void) => done(members.splice(0, 2)) }),
  };
}

test("of a dropped folder", async () => {
  const transfer = { items: [{ webkitGetAsEntry: () => entryOf("model") }], files: [] };
  await requireFiles(await droppedSource(transfer as unknown as DataTransfer));
});
