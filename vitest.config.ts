/** Three projects: `unit` in Node, `browser` in headless Chromium with WebGPU, `e2e` on the built page. */

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";
import { chromiumFlags, findChromium } from "./scripts/chromium.mjs";
import { serveFolder } from "./scripts/harness/serveFolder.ts";
import { isolationHeaders } from "./scripts/isolation.mjs";

const sharedFolder = fileURLToPath(new URL("../shared", import.meta.url));
const sharedIsHere = existsSync(sharedFolder);
const chromium = await findChromium();

/** Whether tests take their long forms; scripts/test.mjs sets it. */
const long = process.env.HONE_TESTS === "long";

/**
 * What the tests are told: where the shared models and data are, a folder in Node, an address in the browser, null when
 * absent; and which form to take.
 */
const told = (place: string) => ({
  __SHARED__: JSON.stringify(sharedIsHere ? place : null),
  __LONG__: JSON.stringify(long),
});

export default defineConfig({
  test: {
    projects: [
      {
        define: told(sharedFolder),
        test: {
          name: "unit",
          include: ["tests/unit/**/*.test.ts", "tests/numeric/**/*.test.ts"],
          environment: "node",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          maxWorkers: "100%",
          sequence: { groupOrder: 0 },
        },
      },
      {
        define: told("/shared"),
        plugins: [react(), serveFolder("/shared", sharedFolder)],
        server: { headers: isolationHeaders },
        worker: { format: "es" },
        // All of src is searched for dependencies: one found only when a worker asks for it would reload the test.
        optimizeDeps: { exclude: ["onnxruntime-web"], entries: ["src/**/*.{ts,tsx}", "tests/browser/**/*.{ts,tsx}"] },
        test: {
          name: "browser",
          include: ["tests/browser/**/*.test.{ts,tsx}"],
          testTimeout: 120_000,
          hookTimeout: 60_000,
          expect: { poll: { timeout: 30_000 } },
          // Each in a profile of its own. Much of their time they wait: two at once take little longer than one.
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            provider: playwright({
              launchOptions: {
                args: [...chromiumFlags],
                ...(chromium && {
                  executablePath: chromium.executablePath,
                  env: { ...process.env, ...chromium.env },
                }),
              },
            }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
      {
        define: told(sharedFolder),
        test: {
          name: "e2e",
          include: ["tests/e2e/**/*.test.ts"],
          environment: "node",
          globalSetup: ["tests/e2e/setup.ts"],
          testTimeout: 300_000,
          hookTimeout: 60_000,
          // Much of their time they wait for a page: two at once take little longer than one.
          maxWorkers: 2,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
