/** `npm start [-- --port N --no-open]`: installs, builds and serves Hone, and opens it in the default browser. */

import { parseArgs } from "node:util";
import { checkNode, installDependencies, projectRoot, runCommand } from "./setup.mjs";

await runCommand(async () => {
  const { values } = parseArgs({ options: { port: { type: "string" }, "no-open": { type: "boolean" } } });
  const port = values.port === undefined ? undefined : Number(values.port);
  if (port !== undefined && !(Number.isInteger(port) && port > 0 && port < 65536)) {
    throw new Error(`--port must be a number from 1 to 65535, not "${values.port}".`);
  }
  checkNode();
  installDependencies();

  const { build, preview } = await import("vite");
  console.log("Building …");
  await build({ root: projectRoot, logLevel: "warn" });
  const open = !values["no-open"] && !process.env.CI;
  const server = await preview({
    root: projectRoot,
    logLevel: "warn",
    // A port from --port must be used exactly; without --port the next free one is fine.
    preview: { open, ...(port && { port, strictPort: true }) },
  });
  console.log(`Hone is at ${server.resolvedUrls?.local[0]} (Ctrl+C ends it)`);
});
