/** The linter holds the order of the rooms, the doors and the page's view of the engine: oracle, DESIGN's room table. */

import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../..", import.meta.url));

const rooms = [
  "tensor",
  "gguf",
  "onnx",
  "autodiff",
  "nn",
  "models",
  "artifacts",
  "hub",
  "records",
  "tokenizer",
  "templates",
  "batching",
  "quality",
  "run",
  "storage",
  "runtime",
  "training",
  "generation",
  "export",
  "protocol",
  "engine",
  "datasets",
  "client",
  "lessons",
  "store",
  "ui",
];

/** Rooms that stand side by side: the lower one of each may not import the upper one either. */
const apart: Readonly<Record<string, string>> = { batching: "templates", datasets: "engine" };

const order = (room: string, target: string) => `${room} may not import ${target}: `;
const door = (library: string, place: string) => `${library} is imported only in ${place}, its one door`;
const page = "The page sees the services only through src/client, src/run and types";
const fetching = "fetch is called only in src/hub, the one door for model bytes";

/** Path of a file, its one statement, and what the linter must say about it: null is nothing. */
type Row = readonly [path: string, statement: string, message: string | null];

/** Rooms import one another in files of this name. */
const crossing = (room: string, target: string) => `src/${room}/imports_${target}.ts`;

const formRows: Row[] = [
  ["src/nn/value.ts", 'import { x } from "../models/file.ts";', order("nn", "models")],
  ["src/nn/named.ts", 'export { x } from "../models/file.ts";', order("nn", "models")],
  ["src/nn/star.ts", 'export * from "../models/file.ts";', order("nn", "models")],
  ["src/nn/dynamic.ts", 'await import("../models/file.ts");', order("nn", "models")],
  ["src/nn/deep/nested.ts", 'import { x } from "../../models/file.ts";', order("nn", "models")],
  ["src/nn/deep/own.ts", 'import { x } from "../file.ts";', null],
  ["src/engine/tests.ts", 'import { x } from "../../tests/file.ts";', order("src", "tests")],
  ["src/sw.ts", 'import { registerRoute } from "workbox-routing";', null],
  ["src/ui/workbox.ts", 'import { registerRoute } from "workbox-routing";', door("workbox-routing", "src/sw.ts")],
];

const libraries: [library: string, statement: string, place: string, within: string][] = [
  ["onnxruntime-web", 'import * as ort from "onnxruntime-web/webgpu";', "src/runtime", "src/runtime"],
  ["idb-keyval", 'import { get } from "idb-keyval";', "src/storage", "src/storage"],
  ["onnx-buf", 'import { onnx } from "onnx-buf";', "src/onnx", "src/onnx"],
  ["@bufbuild/protobuf", 'import { create } from "@bufbuild/protobuf";', "src/onnx", "src/onnx"],
  ["@huggingface/tokenizers", 'import { T } from "@huggingface/tokenizers";', "src/tokenizer", "src/tokenizer"],
  ["hyparquet", 'import { parquetRead } from "hyparquet";', "src/records", "src/records"],
  ["papaparse", 'import Papa from "papaparse";', "src/records", "src/records"],
  ["fflate", 'import { Gunzip } from "fflate";', "src/records", "src/records"],
  ["@zip.js/zip.js", 'import { ZipWriter } from "@zip.js/zip.js/lib/zip-core.js";', "src/export", "src/export"],
  ["zustand", 'import { create } from "zustand";', "src/store", "src/store"],
  ["react", 'import { useState } from "react";', "src/ui and src/main.tsx", "src/ui"],
  ["react-dom", 'import { createRoot } from "react-dom/client";', "src/ui and src/main.tsx", "src/ui"],
  ["@mantine/core", 'import { Button } from "@mantine/core";', "src/ui and src/main.tsx", "src/ui"],
  ["uplot", 'import uPlot from "uplot";', "src/ui and src/main.tsx", "src/ui"],
];

const doorRows: Row[] = libraries.flatMap(([library, statement, place, within]): Row[] => {
  const name = library.replace(/\W/g, "");
  return [
    [`src/training/${name}.ts`, statement, door(library, place)],
    [`src/training/${name}_dynamic.ts`, `await import("${library}");`, door(library, place)],
    [`${within}/${name}.ts`, statement, null],
    [`tests/${name}.ts`, statement, null],
  ];
});

const pageRows: Row[] = [
  ["src/ui/home/value.tsx", 'import { x } from "../../runtime/types.ts";', page],
  ["src/ui/home/type.tsx", 'import type { X } from "../../runtime/types.ts";', null],
  ["src/ui/home/client.tsx", 'import { connect } from "../../client/client.ts";', null],
  ["src/ui/home/store.tsx", 'import { useHone } from "../../store/hone.ts";', null],
  ["src/ui/home/recipe.tsx", 'import { defaults } from "../../run/recipe.ts";', null],
  ["src/store/value.ts", 'import { start } from "../training/loop.ts";', page],
  ["src/store/named.ts", 'export { start } from "../training/loop.ts";', page],
  ["src/main.tsx", 'import { start } from "./training/loop.ts";', page],
  ["src/runtime/fetches.ts", 'await fetch("model.safetensors");', fetching],
  ["src/hub/fetches.ts", 'await fetch("model.safetensors");', null],
  ["src/store/samples.ts", 'await fetch("samples/chats.json");', null],
];

describe("biome on a tree of single statements", () => {
  const rows = [...formRows, ...doorRows, ...pageRows];
  const tree = mkdtempSync(join(tmpdir(), "hone-lint-"));
  /** What plugins said, by path. */
  const said = new Map<string, string>();
  let cycle = "";

  beforeAll(() => {
    const write = (path: string, text: string) => {
      mkdirSync(dirname(join(tree, path)), { recursive: true });
      writeFileSync(join(tree, path), `${text}\n`);
    };
    cpSync(join(root, "biome.json"), join(tree, "biome.json"));
    cpSync(join(root, "scripts", "lint"), join(tree, "scripts", "lint"), { recursive: true });
    for (const [path, statement] of rows) write(path, statement);
    for (const room of rooms) {
      for (const target of rooms) write(crossing(room, target), `import type { T } from "../${target}/file.ts";`);
    }
    write("src/onnx/first.ts", 'import { second } from "./second.ts";\nexport const first = () => second;');
    write("src/onnx/second.ts", 'import { first } from "./first.ts";\nexport const second = () => first;');

    const biome = join(root, "node_modules", "@biomejs", "biome", "bin", "biome");
    const { stdout } = spawnSync(
      process.execPath,
      [biome, "lint", "--colors=off", "--max-diagnostics=none", "--reporter=json", "src", "tests"],
      { cwd: tree, encoding: "utf8", maxBuffer: 2 ** 28 },
    );
    const { diagnostics } = JSON.parse(stdout) as {
      diagnostics: { category: string; message: string; location: { path: string } }[];
    };
    for (const { category, message, location } of diagnostics) {
      if (category === "plugin") said.set(location.path, `${said.get(location.path) ?? ""}${message}`);
      if (category === "lint/suspicious/noImportCycles") cycle += message;
    }
  });

  afterAll(() => rmSync(tree, { recursive: true, force: true }));

  test.each(rooms)("%s may import itself and the rooms above it, and no room below", (room) => {
    const refused = rooms.filter((target) => said.get(crossing(room, target))?.includes(order(room, target)));
    const mayNot = (target: string) => rooms.indexOf(target) > rooms.indexOf(room) || apart[room] === target;
    expect(refused).toEqual(rooms.filter(mayNot));
    const accepted = rooms.filter((target) => !said.has(crossing(room, target)));
    expect(accepted).toEqual(rooms.filter((target) => !mayNot(target)));
  });

  test.each(rows)("%s: %s", (path, _statement, message) => {
    if (message === null) expect(said.get(path)).toBeUndefined();
    else expect(said.get(path)).toContain(message);
  });

  test("a cycle within a room is reported", () => {
    expect(cycle).toContain("This import is part of a cycle");
  });
});

test("every folder of src is a room whose order is held", () => {
  const folders = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  expect(rooms).toEqual(expect.arrayContaining(folders.map((entry) => entry.name)));
});
