/** Ollama's Modelfile, and the commands that run a GGUF file. */

export interface ModelfileParts {
  /** The model: a path or a name. */
  readonly from: string;
  /** The adapter's path. */
  readonly adapter?: string;
  /** Texts that end an answer. */
  readonly stops: readonly string[];
  readonly system: string | null;
}

/** Characters that Ollama's parser leaves out: Go's IsPrint, and white space beside a space, a tab and line breaks. */
const dropped = /[^\p{L}\p{M}\p{N}\p{P}\p{S} \t\r\n]/u;

/**
 * A text in quotes, as Ollama's parser (parser/parser.go) reads it back; null for one that no quotes carry. There is no escape: a
 * value ends at the first line whose last characters close the quotes.
 */
export function quoted(text: string): string | null {
  if (dropped.test(text)) return null;
  // A short quote before more of them would be a long one.
  const marks = text.startsWith('"') ? ['"""'] : ['"', '"""'];
  return marks.map((mark) => `${mark}${text}${mark}`).find((value) => !endsEarly(value)) ?? null;
}

/** Whether a line before the last one closes the quotes. */
function endsEarly(value: string): boolean {
  for (const { index } of value.matchAll(/[\r\n]/g)) {
    const line = value.slice(0, index).trim();
    const isLong = line.startsWith('"""');
    if (isLong ? line.length >= 6 && line.endsWith('"""') : line.length >= 2 && line.endsWith('"')) return true;
  }
  return false;
}

/**
 * The GGUF file's template has the system prompt too, so a whole model does without the line where no quotes carry it, and
 * Ollama takes the template from there.
 */
export function modelfile({ from, adapter, stops, system }: ModelfileParts): string {
  const line = (start: string, text: string) => {
    const value = quoted(text);
    return value === null ? [] : [`${start} ${value}`];
  };
  const lines = [
    `FROM ${from}`,
    ...(adapter === undefined ? [] : [`ADAPTER ${adapter}`]),
    ...stops.flatMap((stop) => line("PARAMETER stop", stop)),
    ...(system === null ? [] : line("SYSTEM", system)),
  ];
  return `${lines.join("\n")}\n`;
}

export interface RunParts {
  readonly file: string;
  readonly name: string;
  /** The base model of an adapter; null for a whole model. */
  readonly adapter: string | null;
  readonly notes: readonly string[];
}

/** A name that Ollama accepts. */
export const ollamaName = (name: string): string =>
  name
    .toLowerCase()
    .normalize("NFKD")
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[-._]+|[-._]+$/g, "")
    .slice(0, 60) || "model";

/** The two commands, each with what runs it. */
export function runCommands({ file, name, adapter }: Omit<RunParts, "notes">) {
  const own = ollamaName(name);
  const llama = adapter === null ? `llama-cli -m "${file}" -cnv` : `llama-cli -m "BASE.gguf" --lora "${file}" -cnv`;
  return [
    { label: "Ollama", text: `ollama create ${own} -f Modelfile && ollama run ${own}` },
    { label: "llama.cpp", text: llama },
  ] as const;
}

export function runText(parts: RunParts): string {
  const { file, name, adapter, notes } = parts;
  const commands = runCommands(parts).map(({ label, text }) => `${label}:\n  ${text}`);
  const base = adapter === null ? [] : [`The base model, ${adapter}, must be there as a GGUF file: name it in FROM.`];
  const about = notes.length === 0 ? [] : ["", "Notes:", ...notes.map((note) => `- ${note}`)];
  return `${[`${name}: ${file}`, "", ...base, "Run these in the folder of this file.", "", ...commands, ...about].join("\n")}\n`;
}
