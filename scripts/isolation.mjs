/** The response headers that make a page cross-origin isolated, without which wasm gets one thread. */

/** @type {Readonly<Record<string, string>>} */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
};
