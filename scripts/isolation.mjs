/**
 * The response headers of the page: those that make it cross-origin isolated, without which wasm gets one thread; nosniff, so
 * that a file is only what its type says; and its Content-Security-Policy, which the built page also carries itself, for hosts
 * that send no headers.
 */

/** @type {Readonly<Record<string, string>>} */
export const isolationHeaders = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
  "Cross-Origin-Resource-Policy": "same-origin",
  "X-Content-Type-Options": "nosniff",
};

/**
 * What the page may load and run: its own files, and nothing else. No directive has 'unsafe-inline': Mantine's variables go into a
 * constructed style sheet (src/ui/shell/ThemeVariables.tsx), and what would write a style element is left aside.
 */
const directives = {
  "default-src": "'none'",
  // ONNX Runtime compiles WebAssembly, which is no eval of text.
  "script-src": "'self' 'wasm-unsafe-eval'",
  "worker-src": "'self'",
  "style-src": "'self'",
  "font-src": "'self'",
  "img-src": "'self'",
  "manifest-src": "'self'",
  // A user may name a model at any address, also on their own machine, and Hugging Face names the hosts that store a push. The
  // end-to-end tests show that the page requests no other.
  "connect-src": "'self' https: http://localhost:* http://127.0.0.1:*",
  "object-src": "'none'",
  "base-uri": "'none'",
  "form-action": "'none'",
};

const join = (/** @type {Readonly<Record<string, string>>} */ parts) =>
  Object.entries(parts)
    .map(([name, value]) => `${name} ${value}`)
    .join("; ");

/** The policy as the page's own meta element says it: there, frame-ancestors means nothing. */
export const pagePolicy = join(directives);

/** All that the built page is served with; the service worker adds what a host leaves out. */
export const pageHeaders = {
  ...isolationHeaders,
  "Content-Security-Policy": join({ ...directives, "frame-ancestors": "'none'" }),
};

/**
 * A step of a server that sets headers on every answer, whatever its status.
 * @param {Readonly<Record<string, string>>} headers
 * @returns {(request: unknown, response: import("node:http").ServerResponse, next: () => void) => void}
 */
export const sendHeaders = (headers) => (_request, response, next) => {
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  next();
};
