/** `npm run size [-- --json FILE]`: lists the files of a first visit with their sizes; exit 1 if the page exceeds its budget. */

import { parseArgs } from "node:util";
import { runCommand, writeJson } from "./harness/arguments.ts";
import { launchChromium } from "./harness/chromium.ts";
import { gzipOf, type LoadedPart, measureFirstLoad, pageBudget } from "./harness/firstLoad.ts";
import { serveBuilt } from "./harness/serve.ts";

const parts: readonly LoadedPart[] = ["page", "workers", "runtime", "model and data"];

const kB = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11);

runCommand(async () => {
  const { values } = parseArgs({ options: { json: { type: "string" } } });
  const served = await serveBuilt();
  const browser = await launchChromium({ webgpu: false });
  try {
    const loaded = await measureFirstLoad(browser.page, served.address);
    for (const part of parts) {
      console.log(`\n${part}: ${kB(gzipOf(loaded, part)).trim()} gzip`);
      for (const file of loaded.filter((file) => file.part === part)) {
        const when = file.before ? "before the page can be used" : "after";
        console.log(`${kB(file.gzip)} gzip ${kB(file.bytes)}  ${file.path}  (${when})`);
      }
    }
    writeJson(values.json, loaded);
    const page = gzipOf(loaded, "page");
    console.log(`\nThe page has ${kB(page).trim()} gzip; its budget is ${kB(pageBudget).trim()}.`);
    if (page > pageBudget) process.exitCode = 1;
  } finally {
    await browser.dispose();
    await served.dispose();
  }
});
