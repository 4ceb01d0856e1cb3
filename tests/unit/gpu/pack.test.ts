/** The pack's files and its launcher. Oracle: the shell itself, on an archive whose Node is a script that prints. */

import { execFile, execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { isBuiltin } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { copiedFiles } from "../../../scripts/gpu/pack.ts";
import { archiveName, launcher, readme } from "../../../scripts/gpu/packText.ts";

test("every copied file exists, and the pack has both builds of the runtime, Seedling and the golden model", () => {
  const files = copiedFiles();
  for (const [name, from] of files) expect([name, existsSync(from)]).toEqual([name, true]);
  for (const name of [
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.wasm",
    "node_modules/onnxruntime-web/dist/ort-wasm-simd-threaded.asyncify.wasm",
    "public/models/seedling/model.safetensors",
    "tests/golden/parity/golden.json",
    "scripts/captureModule.mjs",
  ]) {
    expect([name, files.has(name)]).toEqual([name, true]);
  }
});

test("every package that a copied module imports is in the pack", () => {
  const files = copiedFiles();
  const modules = [...files].filter(([name]) => name.endsWith(".min.mjs"));
  const imported = modules.flatMap(([, from]) =>
    [...readFileSync(from, "utf8").matchAll(/\bfrom\s*"([a-z@][\w@/-]*)"/g)].map(([, name]) => name ?? ""),
  );
  const packages = imported.filter((name) => !isBuiltin(name));
  expect(packages).toContain("onnxruntime-common");
  for (const name of packages) expect([name, files.has(`node_modules/${name}/package.json`)]).toEqual([name, true]);
});

test("the README names the size and the folder's variable", () => {
  expect(readme("146.5 MiB")).toContain("unpacks 146.5 MiB into `$TMPDIR`, or into the folder in `HONE_GPU_DIR`");
});

test.skipIf(process.platform !== "linux")("the launcher unpacks once and passes arguments on", async () => {
  const folder = mkdtempSync(join(tmpdir(), "hone pack's test "));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const inside = join(folder, "inside");
  mkdirSync(inside);
  writeFileSync(join(inside, "node"), '#!/bin/sh\nprintf "<%s>" "$@"\n');
  chmodSync(join(inside, "node"), 0o755);
  execFileSync("tar", ["-C", inside, "-czf", join(folder, archiveName), "."]);
  const program = join(folder, "hone-gpu");
  writeFileSync(program, launcher("test"));
  chmodSync(program, 0o755);
  const work = join(folder, "unpacked");
  const run = async (...args: string[]) => {
    // As on a bare machine: an empty environment and another working folder.
    const { stdout } = await promisify(execFile)(program, args, { cwd: "/", env: { HONE_GPU_DIR: work } });
    return stdout;
  };
  expect(await run("--json", "a b.json")).toBe(`<${work}/scripts/gpu.mjs><--json><a b.json>`);
  rmSync(join(folder, archiveName));
  expect(await run()).toBe(`<${work}/scripts/gpu.mjs>`);
});
