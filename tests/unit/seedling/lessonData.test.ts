/** The lessons' data. Oracle: the files of the page, which the same seed must give again; and the lessons that name them. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { writeLessonData } from "../../../scripts/seedling/lessonData.ts";
import { seedling } from "../../../scripts/seedling/recipe.ts";
import { projectRoot } from "../../../scripts/setup.mjs";
import { lessons } from "../../../src/lessons/lessons.ts";

const shipped = join(projectRoot, "public", "lessons");

test("the seed of Seedling gives the page's files byte for byte", () => {
  const folder = mkdtempSync(join(tmpdir(), "hone-lessons-"));
  try {
    writeLessonData(folder, seedling.seed);
    expect(readdirSync(folder).toSorted()).toEqual(readdirSync(shipped).toSorted());
    for (const name of readdirSync(folder)) {
      expect([name, readFileSync(join(folder, name), "utf8")]).toEqual([
        name,
        readFileSync(join(shipped, name), "utf8"),
      ]);
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("every file is used by a lesson, and every lesson's files are there", () => {
  const used = new Set(
    lessons.flatMap(({ arms, exam }) => [...exam, ...arms.flatMap(({ training }) => training?.data ?? [])]),
  );
  expect([...used].toSorted()).toEqual(readdirSync(shipped).toSorted());
});
