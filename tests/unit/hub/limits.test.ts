/** Sizes in files and servers' answers have bounds. Oracle: rows, each with the file, the field and the values. */

import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it, test, vi } from "vitest";
import { checkpointTensors } from "../../../src/artifacts/method.ts";
import { modelFromAddress, modelFromSources } from "../../../src/hub/files.ts";
import { readRepository } from "../../../src/hub/huggingFace.ts";
import { inspectFiles } from "../../../src/hub/inspect.ts";
import { openModel } from "../../../src/hub/model.ts";
import { readSafetensors } from "../../../src/hub/safetensors.ts";
import { defineModel } from "../../../src/models/define.ts";
import { bytesFromMemory } from "../../../src/tensor/bytes.ts";
import { cut, quote } from "../../../src/tensor/quote.ts";
import { shortenPauses } from "../../support/pauses.ts";
import { rawErrors } from "../../support/rawErrors.ts";
import { sizedModel, tinyConfig, tinyModel } from "../../support/tinyLlama.ts";
import { serveFiles } from "./server.ts";
import { refusal } from "./tiny.ts";

shortenPauses();

const encode = (text: string) => new TextEncoder().encode(text);
type Content = string | Uint8Array;

const open = (change: Readonly<Record<string, Content>>, files: Readonly<Record<string, Content>> = tinyModel()) => {
  const sources = Object.entries({ ...files, ...change }).map(([name, content]) =>
    bytesFromMemory(name, typeof content === "string" ? encode(content) : new Uint8Array(content)),
  );
  return openModel(modelFromSources("tiny", sources), (json) => checkpointTensors(defineModel(json)));
};

/** The refusal; fails when it is late, too long or not in plain words. */
async function plainRefusal(opening: Promise<unknown>): Promise<string> {
  const start = performance.now();
  const message = await refusal(opening);
  expect(performance.now() - start).toBeLessThan(10_000);
  expect(message).toMatch(/^[^\n]{20,400}\.$/);
  expect(message).not.toMatch(rawErrors);
  return message;
}

const config = (change: object) => ({ "config.json": JSON.stringify({ ...tinyConfig, ...change }) });
const many = '"x",'.repeat(1_100_000);

describe("config and weights", () => {
  const rows: readonly (readonly [string, object, RegExp])[] = [
    [
      "two layers",
      { num_hidden_layers: 2 },
      /config\.json requires 2 layers in "model\.layers", but the weights have 1:/,
    ],
    ["512 layers", { num_hidden_layers: 512 }, /requires 512 layers in "model\.layers", but the weights have 1:/],
    [
      "a billion layers",
      { num_hidden_layers: 1e9 },
      /num_hidden_layers must be a whole number from 1 to 512, not 1000000000/,
    ],
    [
      "another vocabulary",
      { vocab_size: 300 },
      /embed_tokens\.weight" has shape \[272, 16\], but config\.json requires \[300, 16\]/,
    ],
    ["a vast vocabulary", { vocab_size: 2 ** 19 }, /has shape \[272, 16\], but config\.json requires \[524288, 16\]/],
    ["another width", { hidden_size: 32 }, /has shape \[272, 16\], but config\.json requires \[272, 32\]/],
    ["another inner width", { intermediate_size: 64 }, /has shape \[32, 16\], but config\.json requires \[64, 16\]/],
    ["another head", { head_dim: 16 }, /q_proj\.weight" has shape \[16, 16\], but config\.json requires \[32, 16\]/],
    ["a head of its own", { tie_word_embeddings: false }, /has no tensor "lm_head\.weight" of shape \[272, 16\]/],
    ["biases", { attention_bias: true }, /has no tensor "model\.layers\.0\.self_attn\.q_proj\.bias"/],
    [
      "a table that no browser can load",
      { vocab_size: 2 ** 19, hidden_size: 65_536 },
      /\[524288, 65536\], 34359738368 numbers, more than the 2147483648 that fit/,
    ],
    [
      "a model that no browser can load",
      { hidden_size: 16_384, intermediate_size: 53_248, num_hidden_layers: 512, num_attention_heads: 128 },
      /make a model of \d{13} numbers, more than the 137438953472 that a browser can load/,
    ],
  ];
  it.each(rows)("%s: both values", async (_, change, message) => {
    expect(await plainRefusal(open(config(change)))).toMatch(message);
  });

  test("weights with more layers than the config are refused", async () => {
    const message = await plainRefusal(open(config({}), sizedModel({ num_hidden_layers: 3 })));
    expect(message).toMatch(/requires 1 layers in "model\.layers", but the weights have 3:/);
  });
});

describe("JSON", () => {
  const deep = (count: number) => "[".repeat(count) + "]".repeat(count);
  const rows: readonly (readonly [string, Readonly<Record<string, Content>>, RegExp])[] = [
    [
      "a hundred thousand brackets",
      { "config.json": "[".repeat(100_000) },
      /^config\.json nests lists and objects more than 64 deep/,
    ],
    ["the same, closed", { "config.json": `{"a":${deep(100_000)}}` }, /^config\.json nests lists/],
    ["a deep tokenizer", { "tokenizer.json": `{"model":${deep(3000)}}` }, /^tokenizer\.json nests lists/],
    ["a deep configuration", { "tokenizer_config.json": `{"a":${deep(65)}}` }, /^tokenizer_config\.json nests lists/],
    [
      "a deep generation config",
      { "generation_config.json": `{"a":${'{"b":'.repeat(70)}1${"}".repeat(71)}` },
      /^generation_config\.json nests/,
    ],
    [
      "more values than any file has",
      { "config.json": `[${many}1]` },
      /^config\.json has \d+ bytes, more than the limit of 4194304/,
    ],
    [
      "more values in the configuration",
      { "generation_config.json": `[${"1,".repeat(1_000_001)}1]` },
      /^generation_config\.json has more than 1000000 values/,
    ],
    [
      "a number that neither JSON nor Python knows",
      { "config.json": '{"a": NaN, "b": nan}' },
      /^config\.json is not valid JSON \(.*\): download it again\.$/,
    ],
    ["a text without an end", { "config.json": '{"a": "b' }, /^config\.json is not valid JSON \(.*\): download/],
    [
      "no UTF-8",
      { "config.json": Uint8Array.of(0x7b, 0xff, 0x7d) },
      /^config\.json is not valid JSON \(no UTF-8 text\)/,
    ],
    ["UTF-16", { "config.json": Uint8Array.of(0xff, 0xfe, 0x7b, 0) }, /^config\.json is not JSON but a text in UTF-16/],
    [
      "a gzip archive",
      { "tokenizer.json": Uint8Array.of(0x1f, 0x8b, 8, 0) },
      /^tokenizer\.json is not JSON but a gzip archive/,
    ],
    ["a pickle", { "config.json": Uint8Array.of(0x80, 4, 0x95) }, /^config\.json is not JSON but a Python pickle/],
    [
      "an endless template",
      { "chat_template.jinja": "x".repeat(2 ** 20 + 1) },
      /^chat_template\.jinja has 1048577 bytes, more than/,
    ],
  ];
  it.each(rows)("%s", async (_, files, message) => {
    expect(await plainRefusal(open(files))).toMatch(message);
  });

  it.each([5, true, { a: 1 }, [5], [{ name: "default" }], [{ name: "x", template: 5 }], "x".repeat(2 ** 20 + 1)])(
    "a chat_template that is none (%#)",
    async (chat_template) => {
      const message = await plainRefusal(open({ "tokenizer_config.json": JSON.stringify({ chat_template }) }));
      expect(message).toMatch(/^tokenizer_config\.json: chat_template (?:is .*, not a text|has 1048577 characters)/);
    },
  );
});

describe("safetensors", () => {
  const file = (header: string, declared = BigInt(encode(header).length)) => {
    const text = encode(header);
    const bytes = new Uint8Array(8 + text.length + 4);
    new DataView(bytes.buffer).setBigUint64(0, declared, true);
    bytes.set(text, 8);
    return bytes;
  };
  const entry = (fields: string, name = "a") => file(`{${JSON.stringify(name)}:${fields}}`);
  const long = "n".repeat(1_000_000);
  const rows: readonly (readonly [string, Uint8Array<ArrayBuffer>, RegExp])[] = [
    [
      "a header of 2^63 bytes",
      file("{}", 2n ** 63n),
      /declares a header of 9223372036854775808 bytes, above the limit/,
    ],
    [
      "offsets of 2^60",
      entry('{"dtype":"F32","shape":[1],"data_offsets":[1152921504606846976,1152921504606846980]}'),
      /data_offsets \[1152921504606847000,/,
    ],
    [
      "offsets of 2^53 − 1",
      entry('{"dtype":"U8","shape":[9007199254740991],"data_offsets":[0,9007199254740991]}'),
      /no whole number of bytes|is cut off/,
    ],
    [
      "a shape whose product overflows",
      entry('{"dtype":"F32","shape":[4294967296,4294967296,4294967296],"data_offsets":[0,4]}'),
      /no whole number of bytes/,
    ],
    [
      "a shape of ten thousand sizes",
      entry(`{"dtype":"F32","shape":[${"1,".repeat(10_000)}2],"data_offsets":[0,4]}`),
      /F32\[1, 1, .*, …\] needs 8/,
    ],
    [
      "a name of a megabyte",
      entry('{"dtype":"F32","shape":[2],"data_offsets":[0,4]}', long),
      /tensor "n{80}…" takes bytes 0 to 4/,
    ],
    ["a type of a megabyte", entry(`{"dtype":"${long}","shape":[1],"data_offsets":[0,4]}`), /unknown type "n{59,60}…"/],
    ["a name with a line break", entry("5", "a\nb"), /tensor "a\\nb" is not described by an object/],
    [
      "two hundred thousand tensors",
      file(
        `{${Array.from({ length: 200_000 }, (_, i) => `"t${i}":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}`).join(",")}}`,
      ),
      /its header has more than 1000000 values/,
    ],
    ["a deep header", file(`{"a":${"[".repeat(1000)}${"]".repeat(1000)}}`), /its header nests lists and objects/],
    ["metadata of lists", file('{"__metadata__":[]}'), /"__metadata__" must map names to texts/],
    [
      "a negative offset",
      entry('{"dtype":"F32","shape":[1],"data_offsets":[-4,0]}'),
      /data_offsets \[-4,0\], not two whole numbers/,
    ],
  ];
  it.each(rows)("%s", async (_, bytes, message) => {
    const text = await plainRefusal(readSafetensors(bytesFromMemory("model.safetensors", bytes)));
    expect(text).toMatch(message);
    expect(text).toMatch(/^model\.safetensors\b/);
  });
});

describe("the index of shards", () => {
  const { "model.safetensors": weights = "", ...texts } = tinyModel();
  const shard = "model-00001-of-00001.safetensors";
  const index = (value: unknown) =>
    open({ "model.safetensors.index.json": JSON.stringify(value), [shard]: weights }, texts);
  const rows: readonly (readonly [string, unknown, RegExp])[] = [
    ["a list", { weight_map: [] }, /has no "weight_map"/],
    ["a number", { weight_map: 5 }, /has no "weight_map"/],
    ["none", {}, /has no "weight_map"/],
    ["a place that is an object", { weight_map: { a: {} } }, /places tensor "a" in \{\}, which is no name/],
    ["an endless place", { weight_map: { a: "x".repeat(1e6) } }, /places tensor "a" in "x{59,60}…", which is no name/],
    [
      "an endless tensor",
      { weight_map: { ["t".repeat(1e6)]: shard } },
      /places tensor "t{80}…" in .*, but no file has it/,
    ],
    ["another folder", { weight_map: { a: "../x.safetensors" } }, /places tensor "a" in "\.\.\/x\.safetensors"/],
    ["a file that is missing", { weight_map: { a: "b.safetensors" } }, /lacks 1 of the 1 files .* \(b\.safetensors\)/],
    [
      "ten thousand shards",
      { weight_map: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`t${i}`, `s${i}.safetensors`])) },
      /names 10000 files, more than the 2048 that a model may have/,
    ],
    ["endless files", { weight_map: { a: `${"y".repeat(1e5)}.safetensors` } }, /lacks 1 of the 1 files .* \(y{80}…\)/],
  ];
  it.each(rows)("%s", async (_, value, message) => {
    expect(await plainRefusal(index(value))).toMatch(message);
  });
});

describe("a server", () => {
  const running: ReturnType<typeof createServer>[] = [];
  afterEach(() => {
    for (const server of running.splice(0)) {
      server.closeAllConnections();
      server.close();
    }
  });

  /** A server that answers each request with this status, these headers and this body, which may be endless. */
  async function answering(
    status: number,
    headers: Readonly<Record<string, string>>,
    body: "endless" | string = "{}",
    statusText = "",
  ) {
    const server = createServer((_, response) => {
      // Node would refuse a wrong length.
      response.strictContentLength = false;
      response.writeHead(status, statusText, headers);
      if (body !== "endless") return response.end(body);
      const piece = Buffer.alloc(1 << 20, 0x20);
      const send = () => {
        while (!response.destroyed && response.write(piece));
      };
      response.on("drain", send);
      return send();
    });
    running.push(server);
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return modelFromAddress(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }

  const part = (range: string) => ({ "Content-Range": range });
  const rows: readonly (readonly [string, number, Readonly<Record<string, string>>, "endless" | string, RegExp])[] = [
    ["no end", 200, {}, "endless", /config\.json sends more than the limit of 4194304 bytes/],
    [
      "a length of 10^15",
      206,
      part("bytes 0-1/1000000000000000"),
      "{}",
      /config\.json has 1000000000000000 bytes, more than the limit of 4194304|ended after 2/,
    ],
    ["a length beyond exact numbers", 206, part("bytes 0-1/99999999999999999999"), "{}", /config\.json/],
    ["a negative length", 206, part("bytes 0-1/-5"), "{}", /config\.json/],
    [
      "another part",
      206,
      part("bytes 7-8/9"),
      "{}",
      /requested bytes from 0 on of .*, but the server sent "bytes 7-8\/9"/,
    ],
    ["an endless range", 206, part(`bytes 7-8/9${"9".repeat(5000)}`), "{}", /config\.json/],
    ["no length at all", 206, { "Transfer-Encoding": "chunked" }, "{}", /config\.json/],
    ["an invalid place", 302, { Location: "http://[" }, "", /redirects to another address/],
    ["an endless place", 302, { Location: `/${"x".repeat(5000)}` }, "", /redirects to .*…, and Hone contacts/],
    ["a web page", 200, { "Content-Type": "text/html" }, "<p>", /answered with a web page/],
    ["an odd status", 299, {}, "", /The server refuses .*config\.json \(299/],
  ];
  it.each(rows)("that sends %s", async (_, status, headers, body, message) => {
    const files = await answering(status, headers, body);
    expect(await plainRefusal(openModel(files, (json) => checkpointTensors(defineModel(json))))).toMatch(message);
  });
});

test("a model at an address is refused before a byte of its weights", async () => {
  const { "model.safetensors": weights, ...texts } = tinyModel();
  const files = Object.fromEntries(
    Object.entries({ ...texts, ...config({ num_hidden_layers: 1e9 }) }).map(([name, text]) => [
      name,
      encode(String(text)),
    ]),
  );
  const server = await serveFiles({ ...files, "model.safetensors": new Uint8Array(weights as Uint8Array) });
  const expected = (json: unknown) => checkpointTensors(defineModel(json));
  try {
    for (const opening of [openModel, inspectFiles]) {
      const message = await plainRefusal(opening(modelFromAddress(server.base), expected));
      expect(message).toMatch(/num_hidden_layers must be a whole number from 1 to 512, not 1000000000/);
    }
    expect(server.requests.map(({ name }) => name)).toEqual(["config.json", "config.json"]);
  } finally {
    await server.close();
  }
});

describe("an answer of Hugging Face's API", () => {
  afterEach(() => {
    vi.unstubAllGlobals();
  });

  const whole = { id: "owner/name", sha: "0".repeat(40), siblings: [{ rfilename: "config.json", size: 5 }] };
  const file = (change: object) => ({ ...whole, siblings: [{ rfilename: "config.json", size: 5, ...change }] });
  const other = /in a form that this version of Hone does not know/;
  const rows: readonly (readonly [string, unknown, RegExp])[] = [
    ["a list", [], other],
    ["a number", 5, other],
    ["an invalid commit", { ...whole, sha: "main" }, /\(sha\)/],
    ["an invalid name", { ...whole, id: "<b>" }, /\(id\)/],
    ["files that are a number", { ...whole, siblings: 5 }, /\(siblings\)/],
    ["a file without a name", file({ rfilename: null }), /\(siblings\.0\.rfilename\)/],
    ["a negative size", file({ size: -5 }), /\(siblings\.0\.size\)/],
    ["a broken size", file({ size: 0.5 }), /\(siblings\.0\.size\)/],
    ["a size of 1e300", file({ lfs: { size: 1e300 } }), /\(siblings\.0\.lfs\.size\)/],
    ["a size that is a text", file({ size: "5" }), /\(siblings\.0\.size\)/],
    ["an endless flag", { ...whole, gated: { a: "x".repeat(1e6) } }, /\(gated\)/],
    ["brackets", "[".repeat(100_000), /did not answer with JSON/],
    ["no JSON", "<html>", /did not answer with JSON/],
    ["40 MB", " ".repeat(40 * 2 ** 20), /sends more than the limit of 33554432 bytes/],
  ];
  it.each(rows)("that is %s", async (_, answer, message) => {
    const body = typeof answer === "string" ? answer : JSON.stringify(answer);
    vi.stubGlobal("fetch", async () => new Response(body));
    const reading = readRepository({ id: "owner/name", revision: "main", folder: "" });
    expect(await plainRefusal(reading)).toMatch(message);
  });
});

describe("foreign values in messages", () => {
  const rows: readonly (readonly [unknown, string])[] = [
    ["a", '"a"'],
    ["a\nb", '"a\\nb"'],
    [-0, "-0"],
    [1e300, "1e+300"],
    [null, "null"],
    [undefined, "nothing"],
    [[1, [2, { a: null }]], '[1,[2,{"a":null}]]'],
    [{ quant_method: "gptq" }, '{"quant_method":"gptq"}'],
  ];
  it.each(rows)("%j", (value, text) => {
    expect(quote(value)).toBe(text);
  });

  test("long ones are cut", () => {
    for (const value of ["x".repeat(1e6), Array(1e6).fill("y"), { ["k".repeat(1e6)]: 1 }]) {
      expect(quote(value).length).toBeLessThan(66);
      expect(quote(value)).toMatch(/…/);
    }
    expect(cut("\u0000a\nb\ud800".padEnd(100, "z"))).toBe(` a b\uFFFD${"z".repeat(55)}…`);
  });
});
