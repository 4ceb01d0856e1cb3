/** Names of repositories on Hugging Face, with the rules of huggingface_hub's `validate_repo_id`. */

/** Why the hub would refuse a name, with the way out; null for a good one. `text` is "name" or "owner/name". */
export function repositoryProblem(text: string): string | null {
  const parts = text.split("/");
  if (text === "") return "Enter a name: name or owner/name.";
  if (parts.length > 2) return "Enter name or owner/name, with one slash at most.";
  if (parts.some((part) => part === "")) return "Enter a name on both sides of the slash.";
  if (!/^[\w./-]*$/.test(text)) return "Use letters from a to z, digits, and - _ . only.";
  if (parts.some((part) => /^[-.]|[-.]$/.test(part))) return "A name cannot start or end with - or a dot.";
  if (/--|\.\./.test(text)) return "A name cannot have -- or two dots in a row.";
  if (/\.git$/i.test(text)) return "A name cannot end with .git.";
  if (text.length > longestName) return `Use at most ${longestName} characters; this has ${text.length}.`;
  return null;
}

const longestName = 96;

/** A name for a run's repository that the hub takes; "model" where nothing of the run's name is left. */
export function repositoryNameOf(runName: string): string {
  const name = runName
    .normalize("NFKD")
    .replace(/[^A-Za-z0-9_.]+/g, "-")
    .replace(/[-.]{2,}/g, "-")
    .slice(0, 60)
    .replace(/\.git$/i, "")
    .replace(/^[-.]+|[-.]+$/g, "");
  return name === "" ? "model" : name;
}
