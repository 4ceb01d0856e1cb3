/** The files of an adapter's folder, chosen or dropped. Oracle: their paths, listed by hand. */

import { expect, test } from "vitest";
import { droppedTuned, isAdapter, tunedSource } from "../../../src/ui/runs/tunedSource.ts";
import { chosen, droppedFolder } from "../../support/droppedFolder.ts";

const paths = [
  "out/adapter_config.json",
  "out/adapter_model.safetensors",
  "out/checkpoint-5/adapter_config.json",
  "out/a/b/c/adapter_config.json",
  "out/a/b/c/d/too-deep.json",
];
const inFolder = paths.map((path) => path.slice("out/".length));

const written = async (source: ReturnType<typeof tunedSource>) =>
  Promise.all(source.files.map(async ({ path, file }) => [path, await file.text()]));

test("a chosen folder: every file, with its path below the folder", async () => {
  const source = tunedSource(paths.map(chosen));
  expect(source.name).toBe("out");
  expect(await written(source)).toEqual(inFolder.map((path, i) => [path, paths[i]]));
});

test("single files have their names", async () => {
  const source = tunedSource([new File(["x"], "lora.gguf")]);
  expect(source).toMatchObject({ name: "lora.gguf", files: [{ path: "lora.gguf" }] });
});

test("a dropped folder: the same files, down to the fourth level", async () => {
  const source = await droppedTuned(droppedFolder("out", paths));
  expect(source.name).toBe("out");
  const found = await written(source);
  expect(found.sort()).toEqual(
    inFolder
      .slice(0, 4)
      .map((path, i) => [path, paths[i]])
      .sort(),
  );
});

test.each([
  [["adapter_config.json", "adapter_model.safetensors"], true],
  [["x/adapter_model.safetensors"], true],
  [["config.json", "model.safetensors"], false],
  // A model's folder with an adapter in it opens as a model.
  [["config.json", "model.safetensors", "lora/adapter_config.json"], false],
  [["my_adapter_config.json"], false],
])("%j is an adapter: %j", (names, expected) => {
  expect(isAdapter(names)).toBe(expected);
});
