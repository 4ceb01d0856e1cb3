/**
 * `npm test [-- check|unit|browser|e2e …]`: installs missing packages, then runs types, lint and tests, or only the named
 * parts. The last line is `N passed, N failed[, N skipped]`; types and lint count as one test each. `--long`
 * (`npm run test:long`) runs the long form of tests that have one.
 */

import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { checkNode, installDependencies, projectRoot, runCommand } from "./setup.mjs";

const projects = ["unit", "browser", "e2e"];
const parts = ["check", ...projects];
const total = { passed: 0, failed: 0, skipped: 0 };

/**
 * Runs a tool from node_modules as one test.
 * @param {string} title
 * @param {string} script Its JavaScript below node_modules.
 * @param {string[]} args
 */
function checkWith(title, script, args) {
  const { status } = spawnSync(process.execPath, [join(projectRoot, "node_modules", script), ...args], {
    cwd: projectRoot,
    stdio: "inherit",
  });
  total[status === 0 ? "passed" : "failed"] += 1;
  console.log(` ${status === 0 ? "✓" : "×"} ${title}`);
}

/**
 * Runs a Vitest project and adds its results to the total.
 * @param {string} project
 */
async function runVitest(project) {
  process.exitCode = 0;
  const { startVitest } = await import("vitest/node");
  const vitest = await startVitest("test", [], { root: projectRoot, project, watch: false, run: true });
  let failures = 0;
  /** @type {Map<string, number>} */
  const reasons = new Map();
  for (const module of vitest.state.getTestModules()) {
    for (const test of module.children.allTests()) {
      const result = test.result();
      if (result.state === "passed") total.passed += 1;
      else if (result.state === "failed") failures += 1;
      else {
        total.skipped += 1;
        const reason = `${module.relativeModuleId}: ${result.state === "skipped" ? (result.note ?? "marked as skipped") : "did not run"}`;
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
    }
    // A file or suite that fails outside its tests (an import, a hook) counts as one failed test.
    failures += [module, ...module.children.allSuites()].filter((part) => part.errors().length > 0).length;
  }
  failures += vitest.state.getUnhandledErrors().length;
  // Vitest's exit code also counts when no test failed (no test file found, a crashed browser).
  total.failed += failures === 0 && process.exitCode !== 0 ? 1 : failures;
  for (const [reason, count] of reasons) console.log(`skipped ${count} in ${reason}`);
  await vitest.close();
}

await runCommand(async () => {
  const options = process.argv.slice(2);
  const named = options.filter((option) => option !== "--long");
  // Vitest loads its configuration in this process.
  process.env.HONE_TESTS = options.length > named.length ? "long" : "quick";
  const unknown = named.filter((part) => !parts.includes(part));
  if (unknown.length > 0) throw new Error(`npm test knows ${parts.join(", ")}, not "${unknown.join(" ")}".`);
  const chosen = named.length > 0 ? named : parts;
  checkNode();
  installDependencies();

  const chosenProjects = projects.filter((project) => chosen.includes(project));
  if (chosenProjects.some((project) => project !== "unit")) {
    const { installChromium } = await import("./chromium.mjs");
    const { executablePath, source } = await installChromium();
    console.log(`Chromium: ${executablePath} (${source})`);
  }
  if (chosen.includes("check")) {
    checkWith("types (tsc)", "typescript/bin/tsc", ["-p", "."]);
    checkWith("lint and format (biome ci)", "@biomejs/biome/bin/biome", [
      "ci",
      `--colors=${process.stdout.isTTY ? "force" : "off"}`,
      ".",
    ]);
  }
  // One project after the other: if the page does not build, only e2e fails.
  for (const project of chosenProjects) await runVitest(project);

  const { passed, failed, skipped } = total;
  console.log(`${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ""}`);
  process.exit(failed > 0 ? 1 : 0);
});
