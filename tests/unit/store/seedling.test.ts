/** The model that comes with the page: where it is looked for, and its defaults. Oracle: the folder that is served. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test, vi } from "vitest";
import { defaultRecipe } from "../../../src/run/recipe.ts";
import { lastStage } from "../../../src/run/stage.ts";
import { defaultsFor } from "../../../src/store/recipe.ts";
import { seedlingSource } from "../../../src/store/seedling.ts";

afterEach(() => void vi.unstubAllGlobals());

test("Seedling is looked for beside the page, wherever that lies, and only its files are", () => {
  vi.stubGlobal("document", { baseURI: "https://host.example/any/path/index.html?here#there" });
  const source = seedlingSource();
  expect(source).toMatchObject({ base: "https://host.example/any/path/models/seedling/", name: "Seedling" });
  const folder = fileURLToPath(new URL("../../../public/models/seedling", import.meta.url));
  const ofTheModel = readdirSync(folder).filter((name) => name !== "README.md" && name !== "training.json");
  expect(source.kind === "url" && source.files?.toSorted()).toEqual(ofTheModel.toSorted());
});

test("Seedling has defaults of its own; every other model has the usual ones, a large one without sample prompts", () => {
  expect(defaultsFor({ name: "small", parameters: 49e6 }, "lora")).toEqual(defaultRecipe("lora"));
  expect(defaultsFor({ name: "large", parameters: 50e6 }, "lora")).toEqual({
    ...defaultRecipe("lora"),
    samplePrompts: 0,
  });
  expect(defaultsFor({ name: "stories260K" }, "lora")).toEqual(defaultRecipe("lora"));
  expect(defaultsFor(undefined, "full")).toEqual(defaultRecipe("full"));
  expect(lastStage(defaultsFor({ name: "seedling" }, "lora")).learningRate).toBeGreaterThan(
    lastStage(defaultRecipe("lora")).learningRate,
  );
});
