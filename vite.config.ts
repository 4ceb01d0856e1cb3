/** Builds the page. The built folder has relative addresses only, so it works below any path of any static host. */

import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";
import { VitePWA } from "vite-plugin-pwa";
import { isolationHeaders, pageHeaders, pagePolicy, sendHeaders } from "./scripts/isolation.mjs";

/** Writes the policy into the built page, before anything that it governs. The development server's own scripts are inline. */
const policy: Plugin = {
  name: "hone:policy",
  apply: "build",
  transformIndexHtml: (html) =>
    html.replace(
      '<meta charset="utf-8" />',
      (charset) => `${charset}\n    <meta http-equiv="Content-Security-Policy" content="${pagePolicy}" />`,
    ),
};

/** Sends the headers with every answer: Vite's own `headers` leave out answers such as 404. */
const headers: Plugin = {
  name: "hone:headers",
  configureServer: ({ middlewares }) => {
    middlewares.use(sendHeaders(isolationHeaders));
  },
  configurePreviewServer: ({ middlewares }) => {
    middlewares.use(sendHeaders(pageHeaders));
  },
};

const icon = (name: string, size: number, purpose: "any" | "maskable") => ({
  src: `./icons/${name}.png`,
  sizes: `${size}x${size}`,
  type: "image/png",
  purpose,
});

/** The web manifest, and the service worker (src/sw.ts) with the list of all files in it; main.tsx registers it. */
const offline = VitePWA({
  strategies: "injectManifest",
  srcDir: "src",
  filename: "sw.ts",
  injectRegister: false,
  manifest: {
    id: "./",
    name: "Hone",
    short_name: "Hone",
    description: "Fine-tune a small language model on your own GPU, in a browser tab. Nothing leaves the machine.",
    lang: "en",
    start_url: "./",
    scope: "./",
    display: "standalone",
    theme_color: "#04697d",
    background_color: "#f5f5f1",
    categories: ["education", "productivity"],
    icons: [
      { src: "./favicon.svg", sizes: "any", type: "image/svg+xml", purpose: "any" },
      icon("icon-192", 192, "any"),
      icon("icon-512", 512, "any"),
      icon("maskable-512", 512, "maskable"),
    ],
  },
  includeManifestIcons: false,
  // As quiet as the page's own build is asked to be.
  integration: {
    configureCustomSWViteBuild: (options) => {
      options.logLevel = "warn";
    },
  },
  injectManifest: {
    rollupFormat: "iife",
    globPatterns: [
      "**/*.{html,js,mjs,css,woff2,svg,png,wasm}",
      "models/**/*.{json,safetensors}",
      "samples/*.{json,jsonl,md}",
    ],
    globIgnores: ["**/README.md"],
    // The largest file is the runtime's: it is listed, and fetched only where it is used.
    maximumFileSizeToCacheInBytes: 64 * 2 ** 20,
  },
});

export default defineConfig({
  base: "./",
  // A file that is not there is a 404, as on any static host, and not the page: model files are looked for by address.
  appType: "mpa",
  plugins: [headers, react(), policy, offline],
  define: { __PAGE_HEADERS__: JSON.stringify(pageHeaders) },
  worker: { format: "es" },
  // Pre-bundling would move the runtime's JavaScript away from the wasm files that it looks for beside itself.
  optimizeDeps: { exclude: ["onnxruntime-web"] },
  // Nothing is inlined: the policy lets pictures and fonts come from files only.
  build: { target: "es2023", sourcemap: true, assetsInlineLimit: 0, chunkSizeWarningLimit: 1000 },
});
