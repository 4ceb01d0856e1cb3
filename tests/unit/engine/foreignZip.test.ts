/**
 * Run files whose zip or whose JSON is broken on purpose, each with hashes that prove it. Oracle: `expectRefused`, a plain message and
 * a storage that is byte for byte as before.
 */

import { strToU8, zipSync } from "fflate";
import { beforeAll, describe, expect, test } from "vitest";
import { asFile, expectRefused, jsonOf, madeParts, type Parts, packed, placeOn, setJson } from "./runFileMade.ts";

let parts: Parts;
beforeAll(async () => {
  parts = await madeParts();
});

const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;

describe("nested, long or broken", () => {
  const texts: [string, () => string, RegExp][] = [
    ["50,000 deep", () => nested(50_000), /is nested more than \d+ deep/],
    ["50,000 lists deep", () => `${"[".repeat(50_000)}${"]".repeat(50_000)}`, /is nested more than \d+ deep/],
    ["50,000 deep and never closed", () => "[".repeat(50_000), /is nested more than \d+ deep/],
    ["no JSON", () => "{", /is no JSON/],
    ["nothing", () => "", /is no JSON/],
    ["only a number", () => "7", /is 7, not|is no run of Hone/],
    ["null", () => "null", /is null, not|is no run of Hone/],
    ["a list", () => "[]", /is a list, not|is no run of Hone|is missing/],
    ["a member __proto__", () => '{"__proto__": {"a": 1}}', /a member named __proto__/],
    ["an escaped member __proto__", () => '{"\\u005f_proto__": {"a": 1}}', /a member named __proto__/],
  ];
  for (const path of ["manifest.json", "run.json", "checkpoints/60/state.json"]) {
    test.each(texts)(`${path}: %s is refused`, async (_, text, message) => {
      const changed = { ...parts, [path]: strToU8(text()) };
      const archive = await packed(changed, { prove: path !== "manifest.json" });
      await expectRefused(archive, message);
    });
  }
  test("bytes that are no UTF-8 are refused", async () => {
    await expectRefused(await packed({ ...parts, "run.json": Uint8Array.of(0x7b, 0xff, 0x7d) }), /no text in UTF-8/);
  });
  test("brackets in a text are not depth", async () => {
    const place = await placeOn();
    const { added } = await place.importRun(asFile(await withNote('[{\\"['.repeat(10_000))));
    expect(added).toBe(true);
  });
});

/** With another note in the record. */
async function withNote(note: string): Promise<Uint8Array<ArrayBuffer>> {
  const changed = { ...parts };
  setJson(changed, "run.json", { ...jsonOf(parts, "run.json"), note });
  return packed(changed);
}

describe("the zip", () => {
  const reparsed = async () => packed(parts);
  const view = (bytes: Uint8Array<ArrayBuffer>) => new DataView(bytes.buffer);
  /** Where the n-th entry stands in the list of files. */
  const listed = (bytes: Uint8Array, n: number) => {
    let at = -1;
    for (let i = 0; i <= n; i++) at = Buffer.from(bytes).indexOf("PK\x01\x02", at + 1);
    return at;
  };
  const rows: [string, () => Promise<Uint8Array<ArrayBuffer>>, RegExp][] = [
    [
      "two entries in one place",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint32(listed(bytes, 2) + 42, view(bytes).getUint32(listed(bytes, 1) + 42, true), true);
        return bytes;
      },
      /cannot be read/,
    ],
    [
      "an entry that reaches into the next",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24])
          view(bytes).setUint32(listed(bytes, 1) + at, view(bytes).getUint32(listed(bytes, 1) + at, true) + 50, true);
        return bytes;
      },
      /cannot be read/,
    ],
    [
      "an entry shorter than it was",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24]) view(bytes).setUint32(listed(bytes, 1) + at, 9, true);
        return bytes;
      },
      /run\.json has 9 bytes instead of/,
    ],
    [
      "an entry of 2^63 bytes",
      async () => {
        const bytes = await reparsed();
        for (const at of [20, 24]) view(bytes).setUint32(listed(bytes, 1) + at, 0xffffffff, true);
        return bytes;
      },
      /cannot be read|compressed/,
    ],
    [
      "an encrypted entry",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint16(listed(bytes, 1) + 8, 1, true);
        return bytes;
      },
      /holds run\.json encrypted/,
    ],
    ["a compressed one", async () => new Uint8Array(zipSync(parts, { level: 9 })), /compressed/],
    [
      "a name twice",
      async () => {
        const bytes = await reparsed();
        // README.txt and run.json have names of other lengths; the two states have not.
        const text = Buffer.from(bytes);
        for (let at = text.indexOf("checkpoints/50/state"); at >= 0; at = text.indexOf("checkpoints/50/state", at + 1))
          text.write("checkpoints/60/state", at);
        return new Uint8Array(text);
      },
      /two files named checkpoints\/60\/state\.json/,
    ],
    [
      "a name that leads out",
      async () => new Uint8Array(zipSync({ "../a": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name from the root",
      async () => new Uint8Array(zipSync({ "/a": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name with a backslash",
      async () => new Uint8Array(zipSync({ "a\\b": strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "a name of 60,000 characters",
      async () => new Uint8Array(zipSync({ ["n".repeat(60_000)]: strToU8("a"), ...parts }, { level: 0 })),
      /a name that Hone does not write/,
    ],
    [
      "more files than its end says",
      async () => {
        const bytes = await reparsed();
        for (const at of [8, 10]) view(bytes).setUint16(bytes.length - 22 + at, 2, true);
        return bytes;
      },
      /more than its end says/,
    ],
    [
      "fewer files than its end says",
      async () => {
        const bytes = await reparsed();
        for (const at of [8, 10]) view(bytes).setUint16(bytes.length - 22 + at, 60, true);
        return bytes;
      },
      /does not fit|cannot be read/,
    ],
    [
      "a list of files that begins elsewhere",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint32(bytes.length - 22 + 16, 5, true);
        return bytes;
      },
      /is no zip file, or is cut off/,
    ],
    [
      "zip64 with a list of 2^63 bytes",
      async () => zip64(await reparsed(), { size: 2n ** 63n }),
      /is no zip file, or is cut off/,
    ],
    [
      "zip64 with 2^63 entries",
      async () => zip64(await reparsed(), { count: 2n ** 63n }),
      /has Infinity files|files, more than/,
    ],
    [
      "zip64 with a million entries",
      async () => zip64(await reparsed(), { count: 1_000_000n }),
      /has 1000000 files, more than the 20000/,
    ],
    [
      "a part of several disks",
      async () => {
        const bytes = await reparsed();
        view(bytes).setUint16(bytes.length - 22 + 4, 3, true);
        return bytes;
      },
      /is no zip file, or is cut off/,
    ],
  ];
  test.each(rows)("%s is refused", async (_, content, message) => {
    await expectRefused(await content(), message);
  });

  test("cut anywhere it is refused", async () => {
    const bytes = await reparsed();
    for (let part = 0; part < 25; part++) {
      await expectRefused(bytes.slice(0, Math.floor((bytes.length * part) / 25)), /is no zip file, or is cut off/);
      if (part > 0)
        await expectRefused(bytes.slice(Math.floor((bytes.length * part) / 25)), /is no zip file, or is cut off/);
    }
  });
});

/** The zip with an end of 64 bits, in which a number is another. */
function zip64(bytes: Uint8Array<ArrayBuffer>, { size, count }: { readonly size?: bigint; readonly count?: bigint }) {
  const end = new DataView(bytes.buffer, bytes.length - 22);
  const [entries, length, from] = [end.getUint16(10, true), end.getUint32(12, true), end.getUint32(16, true)];
  const whole = new Uint8Array(bytes.length + 76);
  whole.set(bytes.subarray(0, bytes.length - 22));
  const view = new DataView(whole.buffer);
  const at = bytes.length - 22;
  view.setUint32(at, 0x06064b50, true);
  view.setBigUint64(at + 4, 44n, true);
  view.setBigUint64(at + 24, count ?? BigInt(entries), true);
  view.setBigUint64(at + 32, count ?? BigInt(entries), true);
  view.setBigUint64(at + 40, size ?? BigInt(length), true);
  view.setBigUint64(at + 48, BigInt(from), true);
  view.setUint32(at + 56, 0x07064b50, true);
  view.setBigUint64(at + 64, BigInt(at), true);
  view.setUint32(at + 72, 1, true);
  whole.set(bytes.subarray(bytes.length - 22), at + 76);
  for (const field of [8, 10]) view.setUint16(at + 76 + field, 0xffff, true);
  for (const field of [12, 16]) view.setUint32(at + 76 + field, 0xffffffff, true);
  return whole;
}
