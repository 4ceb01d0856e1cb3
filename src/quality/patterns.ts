/**
 * Finds control characters, personal data and markers of chat templates in texts. Every pattern has bounded repeats and
 * mutually exclusive starts, so that its time is linear in the text's length.
 */

/**
 * Control characters except tab and line breaks; zero-width and direction controls. Joiners only between Latin
 * letters, because Persian, the scripts of India and emoji need them.
 */
const controls =
  /[^\P{Cc}\t\n\r]|[\u200B\u200E\u200F\u202A-\u202E\u2060-\u2064\u2066-\u2069\uFEFF]|(?<=[A-Za-z])[\u200C\u200D](?=[A-Za-z])/u;

const controlNames: ReadonlyMap<number, string> = new Map([
  [0x00, "null"],
  [0x1b, "escape"],
  [0x200b, "zero-width space"],
  [0x200c, "zero-width non-joiner"],
  [0x200d, "zero-width joiner"],
  [0x202e, "right-to-left override"],
  [0xfeff, "byte order mark"],
]);

/** The first control character, as `U+200B (zero-width space) at character 12`; null if there is none. */
export function findControlCharacter(text: string): string | null {
  const at = text.search(controls);
  if (at === -1) return null;
  const code = text.charCodeAt(at);
  const name = controlNames.get(code);
  return `U+${code.toString(16).toUpperCase().padStart(4, "0")}${name ? ` (${name})` : ""} at character ${at + 1}`;
}

const mail = /(?<=[\w%+-])@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}(?![\w-])/;

/** Secret keys with a recognisable beginning. */
const key =
  /(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22}|glpat-[\w-]{20}|xox[abprs]-[A-Za-z0-9-]{10}|AIza[\w-]{35}|hf_[A-Za-z0-9]{30}|npm_[A-Za-z0-9]{36}|(?:sk|rk)_live_[A-Za-z0-9]{20}|sk-(?=[A-Za-z_-]{0,40}\d)[\w-]{20})|-----BEGIN (?:[A-Z]{1,12} ){0,3}PRIVATE KEY-----/;

/** 13 to 19 digits, alone or in groups as on cards. */
const digits = /(?<!\w|\d[.,])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{4,5}|\d{13,19})(?![.,]\d|\w)/g;

/** A plus sign, a country code, and groups of digits between spaces, points, hyphens or brackets. */
const phone = /(?<![\w+.])\+[1-9]\d{0,2}[ .(-]{1,2}\d{1,4}(?:[ .()-]{1,2}\d{2,4}){2,4}(?!\d)/;

/** The lengths and first digits that card issuers use. */
const card =
  /^(?:4\d{12}(?:\d{3})?|5[1-5]\d{14}|2[2-7]\d{14}|3[47]\d{13}|6(?:011|5\d\d)\d{12}|35\d{14}|3[0689]\d{12}|62\d{14})$/;

/** The check digit of ISO/IEC 7812-1 (Luhn). */
export function passesLuhn(number: string): boolean {
  let sum = 0;
  for (let i = 0; i < number.length; i++) {
    const digit = number.charCodeAt(number.length - 1 - i) - 48;
    sum += i % 2 === 0 ? digit : digit > 4 ? 2 * digit - 9 : 2 * digit;
  }
  return sum % 10 === 0;
}

/** Describes the first secret, mail address, card or phone number; keys and numbers only in part. Null if there is none. */
export function findPersonalData(text: string): string | null {
  const secret = key.exec(text)?.[0];
  if (secret) return secret.startsWith("-") ? "a private key" : `a key, ${secret.slice(0, 6)}…`;
  if (text.includes("@")) {
    const found = mail.exec(text);
    if (found) return `a mail address, …${text[found.index - 1]}${found[0]}`;
  }
  for (const [written] of text.matchAll(digits)) {
    const number = written.replace(/[ -]/g, "");
    if (card.test(number) && passesLuhn(number)) return `a card number, …${number.slice(-4)}`;
  }
  if (text.includes("+")) {
    const found = phone.exec(text)?.[0];
    if (found) return `a phone number, ${found.slice(0, 5)}…`;
  }
  return null;
}

/** Chat templates, each with markers that are rare in other texts. */
const families: readonly { readonly name: string; readonly markers: readonly string[] }[] = [
  { name: "ChatML", markers: ["<|im_start|>", "<|im_end|>"] },
  { name: "Llama 3", markers: ["<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|begin_of_text|>"] },
  { name: "Llama 2 or Mistral", markers: ["[INST]", "[/INST]", "<<SYS>>"] },
  { name: "Gemma", markers: ["<start_of_turn>", "<end_of_turn>"] },
  {
    name: "Hone, Phi-3 or Zephyr",
    markers: ["<|system|>", "<|user|>", "<|assistant|>", "<|end|>"],
  },
  { name: "Command R", markers: ["<|START_OF_TURN_TOKEN|>", "<|END_OF_TURN_TOKEN|>"] },
  { name: "Alpaca", markers: ["### Instruction:", "### Response:"] },
];
const familyOf = new Map(families.flatMap(({ name, markers }) => markers.map((marker) => [marker, name] as const)));
const anyMarker = new RegExp(
  [...familyOf.keys()].map((marker) => marker.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")).join("|"),
);

/** Speakers at the beginning of lines; they count only together. */
const human = /^(?:Human|USER): /m;
const assistant = /^(?:Assistant|ASSISTANT): /m;

/** The first marker of a chat template, and the name of that template; null if there is none. */
export function findTemplateMarker(text: string): { readonly marker: string; readonly family: string } | null {
  const marker = anyMarker.exec(text)?.[0];
  if (marker) return { marker, family: familyOf.get(marker) ?? "" };
  if (human.test(text) && assistant.test(text)) return { marker: "Human: and Assistant:", family: "plain speakers" };
  return null;
}

const bracketed = /<[^<>\s]{1,48}>|\[\/?[A-Z_]{2,24}\]/g;

/** The first text in angle or square brackets that is a token of the tokenizer; null if there is none. */
export function findSpecialToken(text: string, addedToken: (text: string) => number | undefined): string | null {
  for (const [candidate] of text.matchAll(bracketed)) if (addedToken(candidate) !== undefined) return candidate;
  return null;
}

const visible = /[^\s\p{Cc}\p{Cf}]/u;

/** Whether a text has no visible character. */
export function isInvisible(text: string): boolean {
  return !visible.test(text);
}
