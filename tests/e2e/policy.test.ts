/** The Content-Security-Policy of the built page: present in page and workers, and effective. */

import type { Worker } from "playwright";
import { expect, inject, onTestFinished, test } from "vitest";
import { serveModules } from "../../scripts/harness/serve.ts";
import { openStudio } from "../../scripts/harness/studio.ts";
import { isolationHeaders, pageHeaders, pagePolicy } from "../../scripts/isolation.mjs";
import { theme } from "../../src/ui/theme.ts";
import { freshTab, watch } from "./tab.ts";

/** The policy's sources for one directive. */
const directive = (policy: string, name: string) =>
  policy
    .split("; ")
    .find((part) => part.startsWith(`${name} `))
    ?.slice(name.length + 1);

test("the policy is in the page and in what it is served with, and allows no text as code", async () => {
  const response = await fetch(inject("page"));
  const html = await response.text();
  expect(html).toContain(`<meta http-equiv="Content-Security-Policy" content="${pagePolicy}" />`);
  // Before anything that it governs.
  expect(html.indexOf("Content-Security-Policy")).toBeLessThan(html.search(/<(?:script|link|style)/));
  expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|<style|\son\w+=|\sstyle=/);
  for (const [name, value] of Object.entries(pageHeaders)) expect(response.headers.get(name), name).toBe(value);

  const sent = response.headers.get("Content-Security-Policy") ?? "";
  expect(directive(sent, "default-src")).toBe("'none'");
  expect(directive(sent, "script-src")).toBe("'self' 'wasm-unsafe-eval'");
  expect(directive(sent, "style-src")).toBe("'self'");
  // A model's address, and the storage of a push, may be at any host with https.
  expect(directive(sent, "connect-src")).toBe("'self' https: http://localhost:* http://127.0.0.1:*");
  expect(directive(sent, "frame-ancestors")).toBe("'none'");
  expect(sent).not.toMatch(/unsafe-inline|unsafe-eval'(?<!wasm-unsafe-eval')|\*(?!;| |$)|data:|blob:/);
});

const served: readonly (readonly [path: string, status: number])[] = [
  ["index.html", 200],
  ["favicon.svg", 200],
  ["models/seedling/config.json", 200],
  ["samples/chats.json", 200],
  ["", 200],
  ["nothing-here", 404],
  ["nothing-here.html", 404],
  ["assets/nothing-here.js", 404],
  ["models/seedling/nothing-here.json", 404],
  ["%E0%A4%A", 404],
];

test.each(served)("%s comes with every header, and so does what is not there (%i)", async (path, status) => {
  const response = await fetch(inject("page") + path);
  expect(response.status).toBe(status);
  expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
  for (const [name, value] of Object.entries(pageHeaders)) expect(response.headers.get(name), name).toBe(value);
});

test("a part of a file comes with every header", async () => {
  const response = await fetch(`${inject("page")}models/seedling/model.safetensors`, {
    headers: { Range: "bytes=0-7" },
  });
  expect(response.status).toBe(206);
  for (const [name, value] of Object.entries(pageHeaders)) expect(response.headers.get(name), name).toBe(value);
});

test("the project's modules are served with nosniff too, and what is not there", { timeout: 60_000 }, async () => {
  const { address, dispose } = await serveModules();
  onTestFinished(dispose);
  for (const [path, status] of [
    ["/src/main.tsx", 200],
    ["/nothing-here", 404],
  ] as const) {
    const response = await fetch(new URL(path, address));
    expect(response.status, path).toBe(status);
    for (const [name, value] of Object.entries(isolationHeaders)) expect(response.headers.get(name), name).toBe(value);
  }
});

/**
 * Tries a forbidden action in the page or a worker, and returns the directives that stopped it. Runs in a task of its
 * own, because the debugger's code may do more than the page.
 */
const attempt = (code: string) => `new Promise((resolve) => {
  const stopped = new Set();
  globalThis.ran = false;
  const target = globalThis.document ?? globalThis;
  target.addEventListener("securitypolicyviolation", ({ effectiveDirective }) => stopped.add(effectiveDirective));
  setTimeout(() => {
    try { ${code} } catch {}
    setTimeout(() => resolve({ stopped: [...stopped], ran: globalThis.ran }), 300);
  });
})`;

interface Outcome {
  readonly stopped: readonly string[];
  readonly ran: boolean;
}

const intruders: readonly (readonly [what: string, code: string, directive: string])[] = [
  [
    "an inline script",
    'document.body.append(Object.assign(document.createElement("script"), { textContent: "ran = true" }))',
    "script-src-elem",
  ],
  [
    "a handler in an attribute",
    'document.body.insertAdjacentHTML("beforeend", "<p onclick=\'ran = true\'>x</p>"); document.body.lastElementChild.click()',
    "script-src-attr",
  ],
  ["eval", '(0, eval)("ran = true")', "script-src"],
  ["a function from text", 'new Function("ran = true")()', "script-src"],
  [
    "a script of another host",
    'document.body.append(Object.assign(document.createElement("script"), { src: "https://intruder.invalid/x.js" }))',
    "script-src-elem",
  ],
  [
    "a style element",
    'document.head.append(Object.assign(document.createElement("style"), { textContent: "body { color: red }" }))',
    "style-src-elem",
  ],
  ["a picture of another host", 'new Image().src = "https://intruder.invalid/x.png"', "img-src"],
  ["a request without encryption", 'fetch("http://intruder.invalid/").catch(() => {})', "connect-src"],
  [
    "a frame",
    'document.body.append(Object.assign(document.createElement("iframe"), { src: "https://intruder.invalid/" }))',
    "frame-src",
  ],
  [
    "a form",
    'const form = Object.assign(document.createElement("form"), { action: "https://intruder.invalid/" }); document.body.append(form); form.submit()',
    "form-action",
  ],
];

/** Chromium's message for each stopped attempt. */
const refused = [
  /Content Security Policy/,
  /^https?:\/\/intruder\.invalid\/[^ ]*: csp$/,
  /to another origin: https?:\/\/intruder\.invalid\//,
];

test("what is put into the page from outside neither runs nor loads", async () => {
  const page = await freshTab();
  watch(page, inject("page"), refused);
  await openStudio(page, inject("page"), "auto", { keepDemoData: true });
  // The theme is applied, and another one too, without a style element.
  await page.getByLabel("Colours").selectOption("dark");
  expect(await page.locator("style").count()).toBe(0);
  const root = "getComputedStyle(document.documentElement)";
  expect(await page.evaluate(`${root}.getPropertyValue("--mantine-color-petrol-8")`)).toBe(theme.colors?.petrol?.[8]);
  for (const [what, code, stoppedBy] of intruders) {
    const { stopped, ran } = await page.evaluate<Outcome>(attempt(code));
    expect(stopped, what).toContain(stoppedBy);
    expect(ran, what).toBe(false);
  }
  const workers = page.workers().filter((worker) => /\/assets\/entry-/.test(worker.url()));
  expect(workers).toHaveLength(2);
  const inside = async (worker: Worker, code: string) => worker.evaluate<Outcome>(attempt(code));
  for (const worker of workers) {
    for (const [code, stoppedBy] of [
      ['(0, eval)("ran = true")', "script-src"],
      ['fetch("http://intruder.invalid/").catch(() => {})', "connect-src"],
    ] as const) {
      const { stopped, ran } = await inside(worker, code);
      expect(stopped, worker.url()).toContain(stoppedBy);
      expect(ran, worker.url()).toBe(false);
    }
  }
});
