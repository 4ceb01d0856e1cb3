/** Serves a built page from any folder, with the headers of cross-origin isolation. */

import { preview } from "vite";
import { type Served, serveBuilt } from "../../scripts/harness/serve.ts";
import { pageHeaders } from "../../scripts/isolation.mjs";

/** The page of this checkout, built if it is out of date; or one that was built before, in `folder`. */
export async function servePage(folder: string | null): Promise<Served> {
  if (folder === null) return serveBuilt();
  const server = await preview({
    configFile: false,
    appType: "mpa",
    logLevel: "warn",
    build: { outDir: folder },
    preview: { port: 0, open: false, headers: pageHeaders },
  });
  const address = server.resolvedUrls?.local[0];
  if (!address) throw new Error("Vite started a server and gave no address for it.");
  return { address, dispose: () => server.close() };
}
