/** `test` with a `shared` fixture, the real models and data beside the checkout; without them the test is skipped. */

import { test as base } from "vitest";

/** Set by vitest.config.ts: a folder in Node, a URL in the browser, null when the folder is missing. */
declare const __SHARED__: string | null;

export interface Shared {
  /** Location of a file or folder: a path in Node, a URL in the browser. */
  at(path: string): string;
  bytes(path: string): Promise<Uint8Array<ArrayBuffer>>;
  text(path: string): Promise<string>;
  json(path: string): Promise<unknown>;
}

/** The reason for skipping tests that need the folder; null when it exists. */
export const sharedMissing =
  __SHARED__ === null ? "needs the models and data of ../shared, but that folder is missing" : null;

/** The shared folder's files; throws `sharedMissing` when the folder is missing. */
export function openShared(): Shared {
  const root = __SHARED__;
  if (root === null) throw new Error(sharedMissing ?? "");
  const at = (path: string) =>
    import.meta.env.SSR ? `${root}/${path}` : new URL(`${root}/${path}`, location.href).href;
  const bytes = async (path: string) => {
    if (import.meta.env.SSR) {
      const { readFile } = await import("node:fs/promises");
      return new Uint8Array(await readFile(at(path)));
    }
    const response = await fetch(at(path));
    if (!response.ok) throw new Error(`${at(path)}: ${response.status} ${response.statusText}`);
    return new Uint8Array(await response.arrayBuffer());
  };
  const text = async (path: string) => new TextDecoder().decode(await bytes(path));
  return { at, bytes, text, json: async (path) => JSON.parse(await text(path)) };
}

export const test = base.extend<{ shared: Shared }>({
  shared: async ({ skip }, use) => {
    if (sharedMissing) skip(sharedMissing);
    await use(openShared());
  },
});
