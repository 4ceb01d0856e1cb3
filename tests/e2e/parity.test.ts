/**
 * `npm run parity` as a user runs it. Oracle: PyTorch's figures in tests/golden/parity, and the same figures with an
 * error.
 */

import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { dawnFolder } from "../../src/runtime/dawnEntries.ts";
import { isLong } from "../support/long.ts";
import { folderOf } from "./tab.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const model = fileURLToPath(new URL("../golden/parity", import.meta.url));
const golden = join(model, "golden.json");
const parity = (file: string, ...options: string[]) =>
  promisify(execFile)(
    process.execPath,
    ["--import", "tsx", "scripts/parity.ts", "--model", model, "--golden", file, ...options],
    { cwd: root },
  );

// On SwiftShader it takes half a minute.
test.each(isLong ? ["wasm", "webgpu"] : ["wasm"])("on %s every figure is within tolerance", async (provider) => {
  const { stdout } = await parity(golden, "--provider", provider);
  expect(stdout).toContain(`figures on ${provider}, 0 above tolerance`);
});

test("a figure that differs is named, and the command fails", async () => {
  const spoilt = JSON.parse(await readFile(golden, "utf8"));
  spoilt.full.losses[1] *= 1.01;
  const folder = await folderOf({ "golden.json": JSON.stringify(spoilt) });
  await expect(parity(join(folder, "golden.json"), "--steps", "2")).rejects.toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^FAIL .* full loss before step 2: .*\n[\s\S]* 1 above tolerance/m),
  });
});

// A machine where the package is installed for all folders runs it instead.
test.skipIf(dawnFolder("/nowhere") !== null)(
  "without the package webgpu, dawn is skipped with its reason",
  async () => {
    const { HONE_WEBGPU: _, ...env } = process.env;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--import", "tsx", "scripts/parity.ts", "--model", model, "--golden", golden, "--provider", "dawn"],
      { cwd: root, env },
    );
    expect(stdout).toMatch(/^Skipped: .*npm package webgpu/);
  },
);
