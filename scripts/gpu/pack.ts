/**
 * Writes `npm run gpu` as one folder for a bare x86-64 Linux with a Vulkan driver: a launcher, and an archive with Node, Dawn,
 * ONNX Runtime, the bundled program, Seedling and the small models. Larger weights are drawn from a seed where it runs.
 */

import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { build } from "vite";
import { dawnFolder } from "../../src/runtime/dawnEntries.ts";
import { projectRoot } from "../setup.mjs";
import { archiveName, launcher, readme } from "./packText.ts";

/** Bytes that the folder may have. */
export const mostBytes = 60 * 2 ** 20;

/** Files of the pack that are copied as they are: path in the pack → file here. */
export function copiedFiles(): ReadonlyMap<string, string> {
  const files = new Map<string, string>();
  const own = (...names: string[]) => {
    for (const name of names) files.set(name, join(projectRoot, name));
  };
  const seedling = [
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "model.safetensors",
  ];
  own(...seedling.map((name) => `public/models/seedling/${name}`));
  own("public/samples/small-world.jsonl", "public/samples/small-world-exam.jsonl");
  own(...readdirSync(join(projectRoot, "tests/golden/parity")).map((name) => `tests/golden/parity/${name}`));
  // ONNX Runtime looks for its files beside its own module, and imports the capturing module by URL.
  const runtime = ["ort.node.min.mjs", "ort.webgpu.bundle.min.mjs"];
  const builds = ["ort-wasm-simd-threaded", "ort-wasm-simd-threaded.asyncify"];
  own(
    "node_modules/onnxruntime-web/package.json",
    ...[...runtime, ...builds.flatMap((name) => [`${name}.mjs`, `${name}.wasm`])].map(
      (name) => `node_modules/onnxruntime-web/dist/${name}`,
    ),
  );
  // The processor's build imports it.
  own("node_modules/onnxruntime-common/package.json", "node_modules/onnxruntime-common/dist/esm/package.json");
  const common = "node_modules/onnxruntime-common/dist/esm";
  own(
    ...readdirSync(join(projectRoot, common))
      .filter((name) => name.endsWith(".js"))
      .map((name) => `${common}/${name}`),
  );
  // The report names the versions of the other libraries.
  own("node_modules/@jax-js/jax/package.json", "node_modules/@tensorflow/tfjs-core/package.json");
  files.set("scripts/captureModule.mjs", join(projectRoot, "src/runtime/captureModule.mjs"));
  files.set("LICENSE", join(projectRoot, "LICENSE"));
  return files;
}

/** Dawn's package without the builds for other systems. Throws where the package is missing. */
function dawnFiles(): ReadonlyMap<string, string> {
  const folder = dawnFolder();
  if (folder === null) {
    throw new Error("--pack needs the npm package webgpu: install it and set HONE_WEBGPU=FOLDER/node_modules/webgpu.");
  }
  const names = ["package.json", "index.js", "LICENSE.md", "dist/linux-x64/dawn.node"];
  return new Map(names.map((name) => [`node_modules/webgpu/${name}`, join(folder, name)]));
}

/** Libraries that a bare system may lack; the launcher uses them only there. */
function libraries(): ReadonlyMap<string, string> {
  const folders = ["/usr/lib/x86_64-linux-gnu", "/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/lib"];
  const found = new Map<string, string>();
  for (const name of ["libvulkan.so.1", "libstdc++.so.6", "libgcc_s.so.1"]) {
    const folder = folders.find((path) => existsSync(join(path, name)));
    if (folder) found.set(`lib/${name}`, join(folder, name));
  }
  return found;
}

/** Bundles the program and the processes that it starts into `folder`; ONNX Runtime and Dawn stay packages. */
async function bundle(folder: string): Promise<void> {
  const entry = (path: string) => join(projectRoot, path);
  await build({
    root: projectRoot,
    configFile: false,
    logLevel: "error",
    publicDir: false,
    ssr: { noExternal: true, external: ["onnxruntime-web", "webgpu"] },
    build: {
      ssr: true,
      outDir: folder,
      emptyOutDir: false,
      target: "node20",
      minify: true,
      reportCompressedSize: false,
      rollupOptions: {
        input: {
          gpu: entry("scripts/gpu/packed.ts"),
          child: entry("scripts/gpu/child.ts"),
          process: entry("bench/step/process.ts"),
        },
        output: { entryFileNames: "[name].mjs", chunkFileNames: "[name]-[hash].mjs" },
      },
    },
  });
}

/** Runs a program of this system; throws with its output when it fails. */
function runProgram(command: string, args: readonly string[]): void {
  const { status, error, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args[0] ?? ""} failed: ${error?.message ?? stderr.slice(0, 200)}`);
}

const bytesOf = (folder: string): number =>
  readdirSync(folder, { recursive: true, encoding: "utf8" }).reduce((sum, name) => {
    const stat = statSync(join(folder, name));
    return sum + (stat.isFile() ? stat.size : 0);
  }, 0);

const mebibytes = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** Writes the pack into `out`, replacing an older one, and prints its size. Throws above `mostBytes` or on another system. */
export async function writePack(out: string): Promise<void> {
  if (process.platform !== "linux" || process.arch !== "x64") {
    throw new Error(
      `--pack needs Linux on x86-64, because it packs this Node; this is ${process.platform} on ${process.arch}.`,
    );
  }
  const folder = resolve(out);
  if (existsSync(folder) && !existsSync(join(folder, archiveName)) && readdirSync(folder).length > 0) {
    throw new Error(`--out: ${out} has other files; name an empty folder, or that of an older pack.`);
  }
  const staging = mkdtempSync(join(tmpdir(), "hone-pack-"));
  try {
    for (const [name, from] of [...copiedFiles(), ...dawnFiles(), ...libraries()]) {
      mkdirSync(dirname(join(staging, name)), { recursive: true });
      cpSync(from, join(staging, name), { dereference: true });
    }
    await bundle(join(staging, "scripts"));
    cpSync(process.execPath, join(staging, "node"), { dereference: true });
    // Symbols for debuggers are an eighth of Node and a fifth of Dawn; without `strip` they stay.
    for (const name of ["node", "node_modules/webgpu/dist/linux-x64/dawn.node"]) {
      if (existsSync("/usr/bin/strip")) runProgram("strip", [join(staging, name)]);
    }
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    const archive = join(folder, archiveName);
    runProgram("tar", ["-C", staging, "-I", "gzip -9", "-cf", archive, "."]);
    const version = createHash("sha256").update(readFileSync(archive)).digest("hex").slice(0, 12);
    writeFileSync(join(folder, "hone-gpu"), launcher(version));
    chmodSync(join(folder, "hone-gpu"), 0o755);
    writeFileSync(join(folder, "README.md"), readme(mebibytes(bytesOf(staging))));
    const bytes = bytesOf(folder);
    console.log(`${folder}: ${mebibytes(bytes)}; unpacked ${mebibytes(bytesOf(staging))}`);
    if (bytes > mostBytes) {
      throw new Error(
        `The pack has ${mebibytes(bytes)}, but it may have ${mebibytes(mostBytes)}: leave something out.`,
      );
    }
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}
