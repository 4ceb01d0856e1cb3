/** Text files that are not UTF-8, or damaged. Oracle: the text that was encoded, and the rows of the same file in UTF-8. */

import { describe, expect, test } from "vitest";
import { bytesOf, packed, readFile } from "./reading.ts";

/** Sizes of windows that cut characters anywhere. */
const windowSizes = [1, 2, 3, 7, 1000, 1 << 20];

function utf16(text: string, littleEndian: boolean): Uint8Array<ArrayBuffer> {
  const bytes = new DataView(new ArrayBuffer(text.length * 2));
  for (let i = 0; i < text.length; i++) bytes.setUint16(i * 2, text.charCodeAt(i), littleEndian);
  return new Uint8Array(bytes.buffer);
}

/** The characters of bytes 80 to 9F, from Unicode's CP1252.TXT; the five undefined ones are spaces. */
const signs = "€ ‚ƒ„…†‡ˆ‰Š‹Œ Ž  ‘’“”•–—˜™š›œ žŸ";

function windows1252(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => {
    const code = character.charCodeAt(0);
    const byte = code < 0x80 || (code >= 0xa0 && code <= 0xff) ? code : 0x80 + signs.indexOf(character);
    if (byte < 0x80 && code >= 0x80) throw new Error(`${character} is not in Windows-1252`);
    return byte;
  });
}

/** Bytes with the given places as text: `<E4>` is one byte. */
const withBytes = (text: string) =>
  Uint8Array.from(
    Buffer.concat(
      text
        .split(/(<[0-9A-F]{2}>)/)
        .map((part) =>
          /^<..>$/.test(part) ? Buffer.from([Number.parseInt(part.slice(1, 3), 16)]) : Buffer.from(part),
        ),
    ),
  );

const plainFiles: [string, string][] = [
  ["f.json", '[{"a":"Größe 😀","b":[1,null]},\n{"a":"naïve — “été”"}]'],
  ["f.jsonl", '{"a":"Größe"}\r\n\r\n{"a":"問題"}\n'],
  ["f.json", '{\n "data": [{"a":"é"},\n{"a":"€"}]\n}'],
  ["f.csv", 'question,answer\r\nWo wohnt der Bär?,"In der\r\nHöhle"\r\nx,y\r\n'],
  ["f", "frage;antwort\nWo?;Hier\nWie heißt er?;Bruno\n"],
  ["f.tsv", "a\tb\nä\tö\n"],
  ["f.txt", "Größe\n\nzweiter Absatz\n"],
  ["f.md", "# Größe\n\nText\n\n# Zwei\n\nmehr\n"],
  ["f.jsonl", '{"問題":"北京的天气怎么样","答案":"晴"}\n{"問題":"二","答案":"三"}\n'],
];

describe("UTF-16", () => {
  const forms: [string, boolean, string][] = [
    ["little-endian, with a mark", true, "\uFEFF"],
    ["big-endian, with a mark", false, "\uFEFF"],
    ["little-endian, without a mark", true, ""],
    ["big-endian, without a mark", false, ""],
  ];
  describe.each(forms)("%s", (_, littleEndian, mark) => {
    test.each(plainFiles)("%s %j", async (name, text) => {
      const expected = await readFile(name, text);
      const bytes = utf16(mark + text, littleEndian);
      const encoding = littleEndian ? "utf-16le" : "utf-16be";
      for (const windowBytes of windowSizes) {
        const { records, kind, encoding: found } = await readFile(name, bytes, { windowBytes });
        expect({ records, kind, encoding: found }).toEqual({
          records: expected.records,
          kind: expected.kind,
          encoding,
        });
      }
      const { records, gzip, encoding: found } = await readFile(`${name}.gz`, packed(bytes), { windowBytes: 9 });
      expect({ records, gzip, encoding: found }).toEqual({ records: expected.records, gzip: true, encoding });
    });
  });

  test("half a surrogate pair and half a character cost only their rows", async () => {
    for (const littleEndian of [true, false]) {
      const text = '\uFEFF{"a":"x"}\n{"a":"\ud83d"}\n{"a":"\uFFFD😀"}\n{"a":"y"}';
      const bytes = utf16(text, littleEndian);
      for (const windowBytes of windowSizes) {
        const whole = await readFile("f.jsonl", bytes, { windowBytes });
        expect(whole.values).toEqual([{ a: "x" }, { a: "\uFFFD😀" }, { a: "y" }]);
        expect(whole.problems).toEqual([{ line: 2, problem: expect.stringContaining("not UTF-16") }]);
        const odd = await readFile("f.txt", Buffer.concat([bytes, Buffer.from([0x41])]), { windowBytes }).catch(String);
        expect(odd).toMatch(/no row can be read.*not UTF-16/);
      }
    }
  });

  test("a file of zero bytes, or with single ones, is not text", async () => {
    for (const bytes of [new Uint8Array(4000), bytesOf("abc\0defghi\n"), bytesOf("ab\0\0cd\0\0".repeat(50))]) {
      await expect(readFile("f.txt", bytes)).rejects.toThrow(/a binary file/);
    }
  });

  test("a mark alone is an empty file", async () => {
    for (const bytes of [
      [0xff, 0xfe],
      [0xfe, 0xff],
      [0xef, 0xbb, 0xbf],
      [0xff, 0xfe, 0x20, 0],
    ]) {
      await expect(readFile("f.csv", Uint8Array.from(bytes))).rejects.toThrow(/^f\.csv is empty/);
    }
  });
});

test("UTF-8 with a mark is UTF-8: its other bytes are damage, not Windows-1252", async () => {
  const bytes = withBytes("\uFEFFa,b\nB<E4>r,1\nH<F6>hle,2\nplain,3\n");
  const { values, problems, encoding } = await readFile("f.csv", bytes);
  expect({ values, encoding }).toEqual({ values: [{ a: "plain", b: "3" }], encoding: undefined });
  expect(problems.map(({ line }) => line)).toEqual([2, 3]);
});

describe("Windows-1252", () => {
  const files: [string, string, string][] = [
    ["German", "f.csv", "question,answer\nWo wohnt der Bär?,In der Höhle\nWie heißt er?,Bruno\n"],
    ["one accent", "f.csv", "a,b\nBär,1\n"],
    ["the header", "f.csv", "größe,b\nx,1\n"],
    ["French, with spaces within its quotes", "f.csv", "q;r\n« C’est l’été »;à bientôt\nDéjà vu;« allé »\n"],
    ["Spanish", "f.tsv", "p\tr\n¿Qué hora es?\tLas dos y media, señor\n"],
    ["Portuguese, Danish", "f.txt", "A manhã não é já.\n\nRødgrød på ø.\n"],
    ["signs", "f.md", "# Preis\n\n5 € – “quoted” ‘single’ … 3 °C, 1ª, ½, £, ™, Œuvre\n"],
    ["a capital before a quote, which is UTF-8 by chance", "f.csv", "a,b\nDas „MENÜ“,„Das macht Spaß“\nschön,grün\n"],
    ["JSON Lines", "f.jsonl", '{"a":"Bär","b":"\\u00e9\\ud83d\\ude00"}\n{"größe":"ö"}\n'],
    ["an array on one line", "f.json", '[{"a":"Bär"},{"a":"x"},{"a":"Höhle"}]'],
    ["an indented array", "f.json", JSON.stringify([{ a: "Bär" }, { a: ["Höhle"] }], null, 2)],
    ["a file without extension", "f", "frage;antwort\nWo?;In der Höhle\nWer?;Bär\n"],
    ["CR LF and quotes", "f.csv", 'a,b\r\n"Bär\r\nund ""Fuß""",ß\r\n'],
    ["the end of the file", "f.txt", "Das ist schön, sagt der Bä"],
  ];
  test.each(files)("%s", async (_, name, text) => {
    const expected = await readFile(name, text);
    for (const windowBytes of windowSizes) {
      const { records, kind, encoding } = await readFile(name, windows1252(text), { windowBytes });
      expect({ records, kind, encoding }).toEqual({
        records: expected.records,
        kind: expected.kind,
        encoding: "windows-1252",
      });
    }
    const { records, encoding } = await readFile(`${name}.gz`, packed(windows1252(text)));
    expect({ records, encoding }).toEqual({ records: expected.records, encoding: "windows-1252" });
  });

  test("the first accent may come late", async () => {
    const rows = Array.from({ length: 60_000 }, (_, i) => `question ${i} with some more text,answer ${i}\n`);
    const text = `q,a\n${rows.join("")}Bär,Höhle\n`;
    const { values, problems, encoding } = await readFile("f.csv", windows1252(text), { windowBytes: 1 << 16 });
    expect({ rows: values.length, last: values.at(-1), problems, encoding }).toEqual({
      rows: 60_001,
      last: { q: "Bär", a: "Höhle" },
      problems: [],
      encoding: "windows-1252",
    });
  });

  test.each(["81", "8D", "8F", "90", "9D"])("byte %s, which it does not define, costs its row", async (byte) => {
    const text = `a,b\nB<E4>r,H<F6>hle\nA<${byte}>B,1\nsch<F6>n,gr<FC>n\n`;
    for (const windowBytes of windowSizes) {
      const { values, problems } = await readFile("f.csv", withBytes(text), { windowBytes });
      expect(values).toEqual([
        { a: "Bär", b: "Höhle" },
        { a: "schön", b: "grün" },
      ]);
      expect(problems).toEqual([{ line: 3, problem: expect.stringMatching(/neither UTF-8 nor Windows-1252/) }]);
    }
  });

  test("a row of UTF-8 among rows of Windows-1252 is refused", async () => {
    const text = "a,b\nB<E4>r h<F6>rt,1\nH<F6>hle f<FC>r <DC>bung,2\nBär,3\nsch<F6>n,4\ngr<FC>n,5\n–,6\n";
    const { values, problems } = await readFile("f.csv", withBytes(text));
    expect(values).toEqual([
      { a: "Bär hört", b: "1" },
      { a: "Höhle für Übung", b: "2" },
      { a: "schön", b: "4" },
      { a: "grün", b: "5" },
    ]);
    expect(problems.map(({ line }) => line)).toEqual([4, 7]);
  });

  /** Bytes of other encodings, as their tables give them. */
  const others: [string, string][] = [
    ["GBK, 你好世界", "<C4><E3><BA><C3><CA><C0><BD><E7>"],
    ["GBK, 北京", "<B1><B1><BE><A9>"],
    ["Shift-JIS, こんにちは", "<82><B1><82><F1><82><C9><82><BF><82><CD>"],
    ["EUC-KR, 안녕하세요", "<BE><C8><B3><E7><C7><CF><BC><BC><BF><E4>"],
    ["Windows-1251, Привет мир", "<CF><F0><E8><E2><E5><F2> <EC><E8><F0>"],
    ["KOI8-R, Привет", "<F0><D2><C9><D7><C5><D4>"],
    ["Windows-1253, Καλημέρα", "<CA><E1><EB><E7><EC><DD><F1><E1>"],
    ["Windows-1250, zażółć", "za<BF><F3><B3><E6>"],
    ["code page 850, hätte", "h<84>tte"],
  ];
  test.each(others)("%s is refused", async (_, bytes) => {
    await expect(readFile("f.csv", withBytes(`a,b\n${bytes},1\n`))).rejects.toThrow(
      /no row can be read\. line 2: the row has bytes that are not UTF-8; save the file as UTF-8/,
    );
  });
});

describe("damaged UTF-8 costs only the rows with the damage", () => {
  const files: [string, string, string, unknown[], number[]][] = [
    [
      "one byte among others that are right",
      "f.csv",
      "a,b\nBär,1\nH<F6>hle,2\nschön,3\n",
      [
        { a: "Bär", b: "1" },
        { a: "schön", b: "3" },
      ],
      [3],
    ],
    [
      "the first of many",
      "f.csv",
      "a,b\nB<C3>r,1\nHöhle,2\nschön,3\ngrün,4\n",
      [
        { a: "Höhle", b: "2" },
        { a: "schön", b: "3" },
        { a: "grün", b: "4" },
      ],
      [2],
    ],
    ["an emoji that is cut", "f.jsonl", '{"a":"é"}\n{"a":"<F0><9F><98>"}\n{"a":"b"}\n', [{ a: "é" }, { a: "b" }], [2]],
    ["U+FFFD of the file stays", "f.jsonl", '{"a":"\uFFFDé"}\n{"a":"<E9>"}\n', [{ a: "\uFFFDé" }], [2]],
    ["an escape beside it", "f.jsonl", '{"a":"é"}\n{"a":"<E9>\\ud83d\\ude00\\udc00"}\n', [{ a: "é" }], [2]],
    ["a key", "f.jsonl", '{"a":"é"}\n{"<E9>":1}\n', [{ a: "é" }], [2]],
    [
      "one element of an array on one line",
      "f.json",
      '[{"a":"é"},{"a":"<E9>"},{"a":"b"}]',
      [{ a: "é" }, { a: "b" }],
      [1],
    ],
    ["a later line of an object", "f.json", '[{"a":"é",\n"b":"<E9>"},\n{"a":"b"}]', [{ a: "b" }], [1]],
    [
      "a later line of a quoted field",
      "f.csv",
      'a,b\né,1\n"x\ny<E9>",2\nz,3\n',
      [
        { a: "é", b: "1" },
        { a: "z", b: "3" },
      ],
      [3],
    ],
    [
      "the last character, cut off",
      "f.csv",
      "a,b\né,1\nz,2\nx,<E2><82>",
      [
        { a: "é", b: "1" },
        { a: "z", b: "2" },
      ],
      [4],
    ],
    ["a nested text", "f.jsonl", '{"m":[{"c":"é"}]}\n{"m":[{"c":"<FF>"}]}\n', [{ m: [{ c: "é" }] }], [2]],
    [
      "an overlong form and a surrogate",
      "f.csv",
      "a,b\né,1\n<C0><AF>,2\nü,3\n<ED><A0><80>,4\nß,5\n",
      [
        { a: "é", b: "1" },
        { a: "ü", b: "3" },
        { a: "ß", b: "5" },
      ],
      [3, 5],
    ],
    ["a section of Markdown", "f.md", "# A\n\né\n\n# B\n\n<E9>\n\n# C\n\nc\n", ["# A\n\né\n\n", "# C\n\nc\n"], [5]],
    [
      "the header keeps its rows",
      "f.csv",
      "a<E9>,b\né,1\nü,2\n",
      [
        { "a\uFFFD": "é", b: "1" },
        { "a\uFFFD": "ü", b: "2" },
      ],
      [1],
    ],
    ["between rows", "f.json", '[{"a":"é"},\n{"a":"ü"}]\n<E9>', [{ a: "é" }, { a: "ü" }], [3]],
  ];
  test.each(files)("%s", async (_, name, text, values, lines) => {
    for (const windowBytes of windowSizes) {
      const file = await readFile(name, withBytes(text), { windowBytes });
      expect(file.values).toEqual(values);
      expect(file.problems.map(({ line }) => line)).toEqual(lines);
      expect(file.encoding).toBeUndefined();
      expect(file.problems.some(({ problem }) => problem.includes("\uFFFF"))).toBe(false);
    }
  });

  test("late damage after two megabytes of UTF-8", async () => {
    const rows = Array.from({ length: 50_000 }, (_, i) => `Frage ${i}: wie heißt der Bär?,Bruno ${i}\n`).join("");
    const bytes = withBytes(`q,a\n${rows}B<E4>r,x\nschön,y\n`);
    const { values, problems } = await readFile("f.csv", bytes, { windowBytes: 1 << 16 });
    expect(values).toHaveLength(50_001);
    expect(values.at(-1)).toEqual({ q: "schön", a: "y" });
    expect(problems).toEqual([{ line: 50_002, problem: expect.stringContaining("not UTF-8") }]);
  });
});
