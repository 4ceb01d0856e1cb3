/** Scripts that a command starts as processes of their own. */

import { fileURLToPath } from "node:url";

/** The script of that name in the folder of the module at `url`: .ts in a checkout, .mjs beside a bundle. */
export const scriptBeside = (url: string, name: string): string =>
  fileURLToPath(url).replace(/[^/\\]+(\.\w+)$/, `${name}$1`);
