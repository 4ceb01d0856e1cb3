/** The samples that the page offers. Oracle: the folder that is served with it. */

import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { dataSamples } from "../../../src/store/samples.ts";
import { demoExam } from "../../../src/store/seedling.ts";

test("every sample that is offered lies beside the page, and every one that lies there is offered or an exam's", () => {
  const folder = fileURLToPath(new URL("../../../public/samples", import.meta.url));
  const files = readdirSync(folder).filter((name) => name !== "README.md");
  const offered = dataSamples.map(({ file }) => file);
  expect([...offered, ...demoExam].toSorted()).toEqual(files.toSorted());
});
