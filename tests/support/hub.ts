/** The answers of Hugging Face without an account: API, redirects and refusals. A test server or mock sends them. */

export interface HubModel {
  readonly files: Readonly<Record<string, Uint8Array>>;
  readonly sha?: string;
  readonly gated?: false | "auto" | "manual";
  readonly branches?: readonly string[];
  /** Sizes that the API lists, for files whose real size differs. */
  readonly listed?: Readonly<Record<string, number>>;
}

export type HubModels = Readonly<Record<string, HubModel>>;

export const sha = "0123456789abcdef0123456789abcdef01234567";

export type HubAnswer =
  | { readonly kind: "json"; readonly body: unknown }
  /** `large` files come from the hub's storage. */
  | { readonly kind: "file"; readonly bytes: Uint8Array; readonly large: boolean }
  | { readonly kind: "refused"; readonly status: number; readonly code: string };

const refused = (status: number, code: string): HubAnswer => ({ kind: "refused", status, code });

/** Answers a path of huggingface.co. */
export function answerAsHub(models: HubModels, path: string): HubAnswer {
  const api = /^\/api\/models\/([^/]+\/[^/]+)\/revision\/(.+)$/.exec(path);
  const file = /^\/([^/]+\/[^/]+)\/resolve\/([^/]+)\/(.+)$/.exec(path);
  const id = api?.[1] ?? file?.[1] ?? "";
  const model = models[id];
  if (!model) return refused(401, "RepoNotFound");
  const commit = model.sha ?? sha;
  const revision = api?.[2] ?? file?.[2] ?? "";
  if (revision !== commit && !(model.branches ?? ["main"]).includes(revision)) return refused(404, "RevisionNotFound");
  const isLarge = (name: string) => /\.(?:safetensors|gguf)$/.test(name);
  if (api) {
    const siblings = Object.entries(model.files).map(([rfilename, bytes]) => {
      const size = model.listed?.[rfilename] ?? bytes.length;
      return { rfilename, size, ...(isLarge(rfilename) && { lfs: { sha256: "", size, pointerSize: 134 } }) };
    });
    return {
      kind: "json",
      body: { id, sha: commit, private: false, gated: model.gated ?? false, siblings, tags: ["llama"] },
    };
  }
  if (model.gated) return refused(401, "GatedRepo");
  const name = file?.[3] ?? "";
  const bytes = model.files[name];
  return bytes ? { kind: "file", bytes, large: isLarge(name) } : refused(404, "EntryNotFound");
}

/** The part that a Range header requests: from `start` to `end` exclusive; everything without the header. */
export function partOf(range: string | null, length: number): { readonly start: number; readonly end: number } {
  const [, first, last] = /^bytes=(\d+)-(\d+)$/.exec(range ?? "") ?? [];
  return first ? { start: Number(first), end: Math.min(Number(last) + 1, length) } : { start: 0, end: length };
}
