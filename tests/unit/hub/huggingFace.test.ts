/** Models of Hugging Face. Oracle: a local server that answers like its API without an account, and its list of requests. */

import { afterEach, describe, expect, it, vi } from "vitest";
import { hubReference, modelFromRepository, readRepository } from "../../../src/hub/huggingFace.ts";
import { inspectFiles } from "../../../src/hub/inspect.ts";
import { openModel } from "../../../src/hub/model.ts";
import { type HubModel, sha } from "../../support/hub.ts";
import { shortenPauses } from "../../support/pauses.ts";
import { type FakeHub, fakeHub } from "./hub.ts";
import { type Files, jsonBytes, refusal, tinyConfig, tinyExpected, tinyModel, tinySharded, tinyTexts } from "./tiny.ts";

shortenPauses();

let hub: FakeHub | null = null;
afterEach(async () => {
  await hub?.close();
  hub = null;
});

async function serve(model: HubModel, id = "owner/name"): Promise<FakeHub> {
  hub = await fakeHub({ [id]: model });
  return hub;
}

const reference = (text: string) => hubReference(text) ?? { id: "", revision: "", folder: "" };

async function inspect(text: string) {
  return inspectFiles(modelFromRepository(await readRepository(reference(text))), tinyExpected);
}

describe("references to a model on the hub", () => {
  it.each([
    ["owner/name-1.5B", "owner/name-1.5B", "main", ""],
    [" owner/name@v2 ", "owner/name", "v2", ""],
    ["owner/name@refs/pr/1", "owner/name", "refs/pr/1", ""],
    ["https://huggingface.co/owner/name", "owner/name", "main", ""],
    ["https://huggingface.co/owner/name?library=transformers#use", "owner/name", "main", ""],
    ["https://hf.co/owner/name/", "owner/name", "main", ""],
    ["https://huggingface.co/owner/name/tree/v2", "owner/name", "v2", ""],
    ["https://huggingface.co/owner/name/tree/refs%2Fpr%2F1/sub", "owner/name", "refs/pr/1", "sub/"],
    ["https://huggingface.co/owner/name/blob/main/model.safetensors", "owner/name", "main", ""],
    ["https://huggingface.co/owner/name/resolve/main/sub/config.json", "owner/name", "main", "sub/"],
    ["https://huggingface.co/owner/name/discussions/3", "owner/name", "main", ""],
  ])("reads %s", (text, id, revision, folder) => {
    expect(hubReference(text)).toEqual({ id, revision, folder });
  });

  it.each([
    ["https://huggingface.co/owner/name/blob/main/model-Q8_0.gguf", "", "model-Q8_0.gguf"],
    ["https://huggingface.co/owner/name/resolve/main/sub/a%20b.GGUF?download=true", "sub/", "a b.GGUF"],
  ])("reads the GGUF file of %s", (text, folder, file) => {
    expect(hubReference(text)).toEqual({ id: "owner/name", revision: "main", folder, file });
  });

  it.each(["", "name", "just words", "a/b/c", "https://host.example/owner/name", "./owner"])("leaves %j", (text) => {
    expect(hubReference(text)).toBe(null);
  });

  it.each([
    ["https://huggingface.co/datasets/owner/name", "is no model but one of Hugging Face's datasets"],
    ["https://huggingface.co/spaces/owner/name", "is no model but one of Hugging Face's spaces"],
    ["https://huggingface.co/models", "names no model"],
  ])("refuses %s", (text, message) => {
    expect(() => hubReference(text)).toThrow(message);
  });
});

describe("inspecting", () => {
  it("names the commit, files and sizes, and fetches the configuration alone", async () => {
    const files: Files = { ...tinyModel(), "README.md": jsonBytes({}), "onnx/model.onnx": jsonBytes({}) };
    const { requests } = await serve({ files });
    const repository = await readRepository(reference("owner/name"));
    expect(repository).toMatchObject({ id: "owner/name", revision: sha, folder: "" });
    const model = modelFromRepository(repository);
    expect(model.origin).toBe(`https://huggingface.co/owner/name/resolve/${sha}/`);
    const found = await inspectFiles(model, tinyExpected);
    expect(found.config).toEqual(tinyConfig);
    expect(found.files).toEqual(
      ["config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"].map((name) => ({
        name,
        byteLength: files[name]?.length,
      })),
    );
    expect(requests.map(({ path }) => path)).toEqual([
      "/api/models/owner/name/revision/main?blobs=true",
      `/owner/name/resolve/${sha}/config.json`,
    ]);
  });

  it("finds all shards by their index, and a model in a folder", async () => {
    const sharded = Object.fromEntries(Object.entries(tinySharded()).map(([name, bytes]) => [`sub/${name}`, bytes]));
    const { requests } = await serve({ files: { ...sharded, "config.json": jsonBytes({}) }, branches: ["v2"] });
    const { files } = await inspect("https://huggingface.co/owner/name/tree/v2/sub");
    expect(files.map(({ name }) => name).slice(-3)).toEqual([
      "model.safetensors.index.json",
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
    ]);
    expect(requests.some(({ path }) => /0000\d-of/.test(path))).toBe(false);
    expect(requests.at(-1)?.path).toBe(`/owner/name/resolve/${sha}/sub/model.safetensors.index.json`);
  });

  const { "tokenizer.json": _, ...withoutTokenizer } = tinyModel();
  it.each([
    ["no weights but a pickle", { ...tinyTexts(), "pytorch_model.bin": jsonBytes({}) }, "only as pytorch_model.bin"],
    ["GGUF alone without its reader", { "model-Q4.gguf": jsonBytes({}) }, "has no config.json, only model-Q4.gguf"],
    ["an adapter", { "adapter_config.json": jsonBytes({}) }, "has an adapter"],
    ["no tokenizer", withoutTokenizer, "has no tokenizer.json"],
    ["another architecture", { ...tinyModel(), "config.json": jsonBytes({ model_type: "gpt2" }) }, '"gpt2" is not'],
  ])("refuses %s before any weight is fetched", async (_what, files, message) => {
    const { requests } = await serve({ files });
    expect(await refusal(inspect("owner/name"))).toContain(message);
    expect(requests.filter(({ path }) => /safetensors|bin|gguf/.test(path))).toEqual([]);
  });
});

describe("refusals of the hub", () => {
  const headers = { "X-Error-Code": "GatedRepo" };
  it.each([
    ["a model that is missing", "owner/other", null, 'has no public model "owner/other" (401)', 1],
    ["a revision that is missing", "owner/name@v9", null, 'has no revision "v9"', 1],
    ["gated files", "owner/name", { status: 403, headers }, "is gated: its owners", 1],
    ["403 without an error code", "owner/name", { status: 403 }, "is gated: its owners", 1],
    ["404 without an error code", "owner/name", { status: 404 }, 'has no public model "owner/name" (404)', 1],
    ["too many requests", "owner/name", { status: 429 }, "refuses requests of this network for now (429)", 1],
    ["a server in trouble", "owner/name", { status: 502 }, "now (502) (4 attempts): try again later", 4],
  ])("%s", async (_what, text, failure, message, requests) => {
    const server = await serve({ files: tinyModel() });
    server.fail(failure?.status ?? null, failure && "headers" in failure ? failure.headers : {});
    const said = await refusal(readRepository(reference(text)));
    expect(said).toContain(message);
    expect(said).not.toMatch(/undefined|null/);
    expect(server.requests.length).toBe(requests);
  });

  it("a gated model, with the way round, from the description alone", async () => {
    const { requests } = await serve({ files: tinyModel(), gated: "manual" });
    const said = await refusal(readRepository(reference("owner/name")));
    expect(said).toMatch(/never asks for a password or a token: agree on https:\/\/huggingface\.co\/owner\/name, /);
    expect(said).toContain('choose their folder under "From disk"');
    expect(requests.length).toBe(1);
  });

  it("no network, and a network that requires a sign-in", async () => {
    vi.stubGlobal("fetch", () => Promise.reject(new TypeError("failed")));
    vi.stubGlobal("navigator", { onLine: false });
    expect(await refusal(readRepository(reference("owner/name")))).toContain("This browser is offline");
    vi.stubGlobal("navigator", { onLine: true });
    expect(await refusal(readRepository(reference("owner/name")))).toContain("(CORS)");
    vi.stubGlobal("fetch", async () => new Response("<html>Welcome to our hotel"));
    expect(await refusal(readRepository(reference("owner/name")))).toContain("requires a sign-in first");
    vi.unstubAllGlobals();
  });

  it("files that became gated, or hit the limit, after they were listed", async () => {
    const server = await serve({ files: tinyModel() });
    const model = modelFromRepository(await readRepository(reference("owner/name")));
    const source = await model.open("model.safetensors");
    server.fail(401, headers);
    expect(await refusal(source.slice(0, 10))).toContain('"owner/name" is gated');
    server.fail(429);
    expect(await refusal(source.slice(0, 10))).toContain("the fetched files are kept");
    server.fail(null);
    expect((await source.slice(0, 10)).length).toBe(10);
  });
});

it("a model is read from the hub's storage in parts, each byte of it once", async () => {
  const files = tinyModel();
  const server = await serve({ files });
  const model = await openModel(modelFromRepository(await readRepository(reference("owner/name"))), tinyExpected);
  expect(model.name).toBe("owner/name");
  const [hash] = [await model.readAll()];
  expect(hash).toMatch(/^[0-9a-f]{64}$/);
  expect(server.sent()).toBe(Object.values(files).reduce((sum, { length }) => sum + length, 0));
});
