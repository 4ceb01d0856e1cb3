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

/** A text in quotes; Ollama's long quotes have no escape for themselves, so such a text stands in one line with quotes. */
function quoted(text: string): string {
  if (!text.includes('"""') && !text.endsWith('"')) return /["\n]/.test(text) ? `"""${text}"""` : `"${text}"`;
  return JSON.stringify(text);
}

/** Ollama takes the chat template from the GGUF file. */
export function modelfile({ from, adapter, stops, system }: ModelfileParts): string {
  const lines = [
    `FROM ${from}`,
    ...(adapter === undefined ? [] : [`ADAPTER ${adapter}`]),
    ...stops.map((stop) => `PARAMETER stop ${quoted(stop)}`),
    ...(system === null ? [] : [`SYSTEM ${quoted(system)}`]),
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
