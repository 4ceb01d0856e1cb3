/** Finds a Chromium for tests and headless commands, or prepares the one from an npm package. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { projectRoot } from "./setup.mjs";

/**
 * @typedef {object} Chromium
 * @property {string} executablePath
 * @property {Record<string, string>} env Additional environment variables for the process.
 * @property {string} source Its origin, in words.
 */

/** Flags that give headless Chromium a WebGPU adapter on a machine without a GPU. */
export const chromiumFlags = ["--no-sandbox", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Flags for the machine's own GPU; on Linux Chromium uses it through Vulkan. */
export const hardwareFlags = ["--no-sandbox", "--enable-unsafe-webgpu", "--enable-features=Vulkan"];

const commands = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "microsoft-edge"];

const usualPlaces = [
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe",
  "C:\\Program Files (x86)\\Microsoft\\Edge\\Application\\msedge.exe",
];

/**
 * Finds a Chromium without installing anything: `CHROMIUM_PATH`, then one on PATH or in a usual place, then one that
 * `installChromium` prepared earlier; else null. Throws when `CHROMIUM_PATH` names no file.
 * @returns {Promise<Chromium | null>}
 */
export async function findChromium() {
  const chosen = process.env.CHROMIUM_PATH;
  if (chosen) {
    if (!existsSync(chosen))
      throw new Error(`CHROMIUM_PATH names ${chosen}, which does not exist; correct or unset it.`);
    return { executablePath: chosen, env: {}, source: "CHROMIUM_PATH" };
  }
  const folders = (process.env.PATH ?? "").split(delimiter).filter(Boolean);
  const installed = [...folders.flatMap((folder) => commands.map((command) => join(folder, command))), ...usualPlaces];
  for (const path of installed) {
    if (existsSync(path)) return { executablePath: path, env: {}, source: "installed on this machine" };
  }
  return shippedChromium(packageFolder()) ?? (await playwrightChromium());
}

/**
 * Finds a Chromium, or prepares one: on Linux x64 it unpacks `@sparticuz/chromium`, else Playwright downloads one. Throws when
 * that fails; the message names both ways out.
 * @returns {Promise<Chromium>}
 */
export async function installChromium() {
  const found = await findChromium();
  if (found) return found;
  const shipped = unpackShippedChromium();
  if (shipped) return shipped;
  console.log("No Chromium found; Playwright downloads one.");
  const npx = process.platform === "win32" ? "npx.cmd" : "npx";
  spawnSync(npx, ["playwright", "install", "chromium"], { cwd: projectRoot, stdio: "inherit", shell: npx !== "npx" });
  const downloaded = await playwrightChromium();
  if (downloaded) return downloaded;
  throw new Error("No Chromium found and none could be downloaded; install Chromium or set CHROMIUM_PATH to one.");
}

/**
 * Replaces the package's file, which names Lambda's folders: without a font Chromium gives text no size. The cache folder is
 * absolute, because Chromium would create a relative one in its working directory.
 * @param {string} cache
 */
const fontsConfig = (cache) => `<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir prefix="relative">fonts</dir>
  <cachedir>${cache.replaceAll("&", "&amp;").replaceAll("<", "&lt;")}</cachedir>
</fontconfig>
`;

/** The folder for this version of `@sparticuz/chromium`; null where the package cannot be used. */
function packageFolder() {
  const manifest = join(projectRoot, "node_modules", "@sparticuz", "chromium", "package.json");
  if (process.platform !== "linux" || process.arch !== "x64" || !existsSync(manifest)) return null;
  const { version } = JSON.parse(readFileSync(manifest, "utf8"));
  return join(projectRoot, "node_modules", ".cache", "hone", `chromium-${version}`);
}

/**
 * Unpacks the package with its own code, in a separate process with two variables set: TMPDIR, where it writes, and the one
 * that announces Amazon's Lambda, because only there it adds the NSS libraries that a bare system lacks.
 */
function unpackShippedChromium() {
  const folder = packageFolder();
  if (!folder) return null;
  console.log("No Chromium found; unpacking the one that @sparticuz/chromium ships.");
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const code = 'const { default: chromium } = await import("@sparticuz/chromium"); await chromium.executablePath();';
  const { status } = spawnSync(process.execPath, ["--input-type=module", "--eval", code], {
    cwd: projectRoot,
    env: { ...process.env, TMPDIR: partial, AWS_LAMBDA_JS_RUNTIME: "nodejs20.x" },
    stdio: "inherit",
  });
  if (status !== 0) {
    rmSync(partial, { recursive: true, force: true });
    throw new Error("@sparticuz/chromium could not be unpacked (see above); install Chromium or set CHROMIUM_PATH.");
  }
  writeFileSync(join(partial, "fonts", "fonts.conf"), fontsConfig(join(folder, "fonts", "cache")));
  rmSync(folder, { recursive: true, force: true });
  renameSync(partial, folder);
  return shippedChromium(folder);
}

/**
 * The unpacked Chromium in a folder, with the package's fonts, and with its libraries if the system lacks them.
 * @param {string | null} folder
 * @returns {Chromium | null}
 */
function shippedChromium(folder) {
  if (!folder || !existsSync(folder)) return null;
  const executablePath = join(folder, "chromium");
  /** @type {Record<string, string>} */
  const env = { FONTCONFIG_PATH: join(folder, "fonts") };
  if (spawnSync(executablePath, ["--version"], { stdio: "ignore" }).status !== 0) {
    const own = process.env.LD_LIBRARY_PATH;
    env.LD_LIBRARY_PATH = join(folder, "al2023", "lib") + (own ? `:${own}` : "");
  }
  return { executablePath, env, source: "@sparticuz/chromium" };
}

/** @returns {Promise<Chromium | null>} */
async function playwrightChromium() {
  const { chromium } = await import("playwright");
  const executablePath = chromium.executablePath();
  return existsSync(executablePath) ? { executablePath, env: {}, source: "Playwright" } : null;
}
