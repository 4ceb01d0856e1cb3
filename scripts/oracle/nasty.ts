/** Texts that tokenizers split in different ways: white space, scripts, marks, numbers, code, tokens in text. Seeded. */

import { createRandom } from "../../src/tensor/random.ts";

const pieces = {
  spaces: [..." \t\n\r\f\v\u00A0\u1680\u2003\u2009\u2028\u2029\u202F\u205F\u3000\u200B\uFEFF\u0085"],
  breaks: ["\r\n", "\n\n", " \n", "\n ", "\t\n", "\r\r\n", "  \n\n  "],
  words: [
    "the",
    "The",
    " hello",
    "WORLD",
    "don't",
    "I'LL",
    "we've",
    "O'Neil's",
    "'tis",
    "naïve",
    "CamelCase",
    "snake_case",
  ],
  numbers: ["1", "12", "123", "1234567890", "3.14", "1,000,000", "-7e10", "0x1F", "²³", "½", "Ⅻ", "१२३", "٤٥", "1st"],
  marks: [
    "é",
    "e\u0301",
    "\u0301",
    "n\u0303o",
    "Å",
    "ﬁ",
    "ß",
    "İ",
    "ǆ",
    "ſ",
    "K",
    "a\u0328\u0301",
    "ệ",
    "q\u0323\u0307",
  ],
  scripts: [
    ..."日本語 ひらがな カタカナ 한국어 русский العربية עברית ไทย हिन्दी ελληνικά ქართული አማርኛ".split(" "),
    ...["\u1112\u1161\u11AB", "ｆｕｌｌ", "ﷺ", "㎏", "𝔘𝔫𝔦", "𐍈", "𠮷"],
  ],
  emoji: ["😀", "👩‍👩‍👧", "🏳️‍🌈", "👍🏽", "🇩🇪", "☺️", "1️⃣"],
  signs: [
    "...",
    "…",
    "!!!",
    "--",
    "—",
    "«»",
    "“q”",
    "'",
    "''",
    "`",
    "_",
    "__",
    "▁",
    "▁▁",
    "Ġ",
    "Ċ",
    "<0x41>",
    "$&",
    "\\",
    "€",
    "→",
  ],
  code: [
    "def f(x):\n    return x",
    "\tif (a) {\n\t\tb();\n\t}",
    "</div>",
    "a=b;c",
    "// x",
    "#!/bin/sh",
    "{{x}}",
    "http://a.b/c?d=1&e",
  ],
  controls: [
    "\0",
    "\u0007",
    "\u001B[0m",
    "\u007F",
    "\u00AD",
    "\u200D",
    "\u202E",
    "\u2060",
    "\uFFFD",
    "\u{E0001}",
    "\u{10FFFF}",
  ],
} as const;

/** Texts written by hand, each for one rule. */
const fixed = [
  ..." |  |   |     |a  b|a   b|  a| a|a |a  |\ta|a\t\tb|\n|\n\n\n|\r\n\r\n|a\r\nb|a \n b|    indented|x\u00A0y|\uFEFFa|a\uFEFF".split(
    "|",
  ),
  ...[
    "a".repeat(300),
    "ab ".repeat(100),
    " ".repeat(40),
    "\n".repeat(30),
    "!".repeat(60),
    "9".repeat(50),
    "日".repeat(80),
  ],
  ...[
    "Hello, world! It's 2024.",
    "don't DON'T dOn'T 's 'S 'ſ 'RE",
    "foo123bar 4567 89",
    "x = 1;  y = 2;",
    "e\u0301é",
    "\u1112\u1161\u11AB한",
  ],
  ...["▁a ▁ b▁", " ▁", "▁ ", "▁▁▁", "Ġa", "<s>", "</s>", "<unk>", "<0x0A>", "<0x41><0x42>"],
];

/** At least 400 texts without lone surrogates. `tokens`: the tokenizer's added tokens, which stand in some of them. */
export function nastyTexts(tokens: readonly string[]): string[] {
  const random = createRandom(16);
  const kinds = Object.values(pieces);
  const pick = <T>(list: readonly T[]): T => list[random.below(list.length)] as T;
  const mix = (most: number, choose: () => string) => Array.from({ length: 1 + random.below(most) }, choose).join("");
  const any = () => pick<string>(pick(kinds));
  const anyCharacter = () => {
    const code = random.below(pick([0x80, 0x250, 0x3000, 0x11000, 0x20000, 0x110000]));
    return code >= 0xd800 && code < 0xe000 ? "\uFFFD" : String.fromCodePoint(code);
  };
  const some = tokens.length <= 60 ? tokens : Array.from({ length: 60 }, () => pick(tokens));
  return [
    ...fixed,
    ...kinds.flat(),
    ...kinds.flatMap((kind) => Array.from({ length: 8 }, () => mix(6, () => pick<string>(kind)))),
    ...Array.from({ length: 120 }, () => mix(10, any)),
    ...Array.from({ length: 60 }, () => mix(12, anyCharacter)),
    ...Array.from({ length: 60 }, () => mix(12, () => pick([any, anyCharacter, () => " "])())),
    ...some.flatMap((token) => [
      token,
      `a${token} b`,
      ` ${token}  ${token}${any()}`,
      mix(4, () => pick([any, () => token])()),
    ]),
  ];
}

/** Sixty of these texts, of every kind, each at most 80 characters; the texts of added tokens are among them. */
export function sixtyTexts(tokens: readonly string[]): string[] {
  const random = createRandom(60);
  const chosen = [
    ...[
      "",
      " ",
      "  ",
      "\t",
      "\n\n",
      "\r\n",
      "a\r\nb\r\n",
      " \n a  b\t\tc ",
      "    indented\n        more",
      "x\u00A0y\u3000z",
    ],
    ...["1234567890", "3.14159 and -7e10", "1,000,000.00 $5 50%", "²³½Ⅻ१२३٤٥", "a1b2c3", "0x1F 1st 2nd"],
    ...["😀", "👩‍👩‍👧 👍🏽", "🏳️‍🌈🇩🇪☺️1️⃣", "naïve café", "e\u0301 a\u0328\u0301 n\u0303o", "\u0301", "q\u0323\u0307 ệ Å"],
    ...[
      "שלום עולם",
      "مرحبا \u202Eabc\u202C",
      "日本語とひらがな、カタカナ。",
      "한국어 \u1112\u1161\u11AB",
      "हिन्दी ไทย አማርኛ",
      "Ελληνικά ΣΊΣΥΦΟΣ",
    ],
    ...[
      "\u0007\u001B[0m\u007F",
      "\u200B\u200D\u2060\uFEFF",
      "\u0085\u2028\u2029",
      "\uFFFD\u{10FFFF}\u{E0001}",
      "ﬁ ﷺ ㎏ ｆｕｌｌ",
    ],
    ...[
      "don't DON'T it's IT'S",
      "'tis 'sam 'the 'llama 're",
      "O'Neil's rock'n'roll o'clock",
      "\"quoted\" 'words' (in) [it] {x}",
    ],
    ...[
      "camelCase HTTPServer snake_case",
      "!!!...---***",
      "http://a.b/c?d=e&f#g",
      "def f(x):\n    return x\n",
      "</div>{{x}}{% if %}",
    ],
    ...[
      "▁a ▁ b▁",
      "Ġa Ċ",
      "<0x0A><0x41>",
      "<s></s><unk>",
      "<|im_start|>user",
      "[INST] [PAD3]",
      "a".repeat(70),
      "ab ".repeat(25),
    ],
  ];
  const some = tokens.length === 0 ? ["none"] : tokens;
  for (let i = 0; chosen.length < 60; i++) {
    const token = some[i % some.length] ?? "";
    chosen.push([token, `a${token} b`, ` ${token}  ${token}`, `${token}\n`][random.below(4)] ?? token);
  }
  return chosen.slice(0, 60);
}
