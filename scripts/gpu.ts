/**
 * `npm run gpu -- [--quick|--deep] [--only PART,PART] [--json FILE]`: every check that wants a real GPU, on WebGPU under Node, in under
 * eight minutes; on an emulated adapter with smaller sizes, unless `--deep` asks for whole models. Exit 1 when a check fails. It needs the npm package webgpu
 * (`HONE_WEBGPU` may name its folder) and a Vulkan driver, and is skipped without them. `--pack [--out DIR]` writes a folder that
 * runs the same on a bare x86-64 Linux with a Vulkan driver.
 */

import { join } from "node:path";
import { parseArgs } from "node:util";
import { choiceOf, options } from "./gpu/choice.ts";
import { measureGpu } from "./gpu/measure.ts";
import { runCommand } from "./harness/arguments.ts";
import { projectRoot } from "./setup.mjs";

async function main() {
  const { values } = parseArgs({
    options: { ...options, pack: { type: "boolean", default: false }, out: { type: "string" } },
  });
  if (!values.pack) return measureGpu(choiceOf(values));
  const { writePack } = await import("./gpu/pack.ts");
  return writePack(values.out ?? join(projectRoot, "hone-gpu"));
}

runCommand(main);
