import { plain, type Str } from "./text.ts";

export const isCased = (character: string) =>
  character.toLowerCase() !== character.toUpperCase() || /\p{Lu}|\p{Ll}|\p{Lt}/u.test(character);

/** Letters of two, which have a form of their own for titles. */
const digraphs: Readonly<Record<string, string>> = {
  ...{ Ǆ: "ǅ", ǆ: "ǅ", ǅ: "ǅ", Ǉ: "ǈ", ǈ: "ǈ", ǉ: "ǈ", Ǌ: "ǋ", ǋ: "ǋ", ǌ: "ǋ", Ǳ: "ǲ", ǲ: "ǲ", ǳ: "ǲ" },
};

/** The title case of a character: of a letter that becomes two, only the first is upper-case. */
function upperFirst(character: string): string {
  const known = digraphs[character];
  if (known !== undefined) return known;
  const [first = "", ...rest] = character.toUpperCase();
  return first + rest.join("").toLowerCase();
}

/** Python's `title`: a letter after a character that is no letter is upper-case, every other lower-case. */
export function title(text: string): string {
  let result = "";
  let inWord = false;
  for (const character of text) {
    result += inWord ? character.toLowerCase() : upperFirst(character);
    inWord = isCased(character);
  }
  return result;
}

export function capitalize(text: string): string {
  const [first = "", ...rest] = text;
  return upperFirst(first) + rest.join("").toLowerCase();
}

export const swapcase = (text: string) =>
  Array.from(text, (character) =>
    /\p{Lt}/u.test(character)
      ? character
      : character === character.toLowerCase()
        ? character.toUpperCase()
        : character.toLowerCase(),
  ).join("");

const cased = (wanted: "upper" | "lower") => (text: Str) => {
  const characters = Array.from(plain(text)).filter(isCased);
  const convert = (character: string) => (wanted === "upper" ? character.toUpperCase() : character.toLowerCase());
  return characters.length > 0 && characters.every((character) => convert(character) === character);
};

export const isLower = cased("lower");
export const isUpper = cased("upper");
