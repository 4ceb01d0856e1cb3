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

/** Characters that Ollama's parser leaves out: all but Go's IsPrint, a tab and line breaks. */
const dropped = /[^\p{L}\p{M}\p{N}\p{P}\p{S} \t\r\n]/u;

/** Why a Modelfile cannot say a text, as the rest of a sentence; null where it can. */
function unsayable(text: string): string | null {
  const [character] = dropped.exec(text) ?? [];
  if (character !== undefined) {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
    return `its text has the character U+${code}, which Ollama leaves out`;
  }
  return endsEarly(text) ? "a line of its text ends with three quotes, which a Modelfile cannot say" : null;
}

/** Whether a line before the last one closes the quotes. Ollama has no escapes; quotes elsewhere stand as they are. */
function endsEarly(text: string): boolean {
  const breaks = [...text.matchAll(/[\r\n]/g)];
  return breaks.some(({ index }) => /^"""[\s\S]*"""$/.test(`"""${text.slice(0, index)}`.trimEnd()));
}

/** A text in quotes, as Ollama's parser (parser/parser.go) reads it back. */
const quoted = (text: string) => (/["\r\n]/.test(text) ? `"""${text}"""` : `"${text}"`);

/** The line of a command; a comment where the value cannot be said. */
function commandLine(command: string, value: string): string {
  const reason = unsayable(value);
  return reason === null ? `${command} ${quoted(value)}` : `# ${command} is missing: ${reason}.`;
}

/**
 * Ollama takes the chat template from the GGUF file. That of a whole model has the system prompt too, so the model does without
 * a missing line.
 */
export function modelfile({ from, adapter, stops, system }: ModelfileParts): string {
  const lines = [
    `FROM ${from}`,
    ...(adapter === undefined ? [] : [`ADAPTER ${adapter}`]),
    ...stops.map((stop) => commandLine("PARAMETER stop", stop)),
    ...(system === null ? [] : [commandLine("SYSTEM", system)]),
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
