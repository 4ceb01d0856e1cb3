/** The fake engine's models: looked up, fetched in pieces, cut off and gone on with, all with made-up figures. */

import type {
  EngineApi,
  EngineEvent,
  ModelInspection,
  ModelSummary,
  RemoteSource,
  UnfinishedFetch,
} from "../../src/protocol/engine.ts";

type ModelCalls = Pick<
  EngineApi,
  "openModel" | "inspectModel" | "modelDetails" | "listFetches" | "discardFetch" | "catalogue"
>;

export const fakeModel: ModelSummary = {
  name: "stories260K",
  hash: "9f2c77aa01b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d",
  architecture: "LlamaForCausalLM",
  parameters: 260_032,
  layers: 5,
  hiddenSize: 64,
  vocabulary: 512,
  contextLength: 512,
  chatTemplate: true,
  byteLength: 1_064_960,
  stored: true,
  notes: ["The output head is tied to the embedding, so LoRA leaves it alone."],
  address: null,
  savedAt: "2026-03-01T10:00:00.000Z",
};

export const fakeCommit = "0123456789abcdef0123456789abcdef01234567";
const hubPage = "https://huggingface.co/";
/** Pieces of a fetch. */
const pieces = 5;

const needs = { lora: 560_000_000, full: 2_150_000_000 };

/** What the hub has of a model; `owner/gated` and `owner/missing` are refused. */
export function fakeInspection(id: string, change: Partial<ModelInspection> = {}): ModelInspection {
  return {
    source: { kind: "hub", id, revision: fakeCommit, folder: "" },
    name: id,
    place: hubPage + id,
    files: [
      { name: "config.json", byteLength: 704 },
      { name: "tokenizer.json", byteLength: 2_104_556 },
      { name: "model.safetensors", byteLength: 269_060_552 },
    ],
    byteLength: 271_165_812,
    fetched: 0,
    kept: null,
    free: 10_000_000_000,
    architecture: "LlamaForCausalLM",
    parameters: 134_515_008,
    layers: 30,
    hiddenSize: 576,
    vocabulary: 49_152,
    contextLength: 8192,
    needs,
    ...change,
  };
}

export function createFakeLibrary(
  emit: (event: EngineEvent) => void,
  { pace, fetches: left = [] }: { readonly pace: number; readonly fetches?: readonly UnfinishedFetch[] },
  models: Map<string, ModelSummary>,
): ModelCalls {
  const fetches = new Map(left.map((fetch) => [fetch.address, fetch]));
  const wait = () => new Promise((resolve) => setTimeout(resolve, pace));
  const idOf = (source: RemoteSource) => (source.kind === "hub" ? source.id : source.base);

  /** A fetch that begins where an earlier one ended. */
  async function fetchModel(source: RemoteSource, signal?: AbortSignal): Promise<ModelSummary> {
    const found = fakeInspection(idOf(source));
    const total = found.byteLength ?? 0;
    const address = `${found.place}/resolve/${fakeCommit}/`;
    const startedAt = fetches.get(address)?.startedAt ?? "2026-03-02T10:00:00.000Z";
    for (let done = fetches.get(address)?.fetched ?? 0; done < total; ) {
      await wait();
      signal?.throwIfAborted();
      done = Math.min(total, done + Math.ceil(total / pieces));
      fetches.set(address, { address, name: found.name, source, fetched: done, byteLength: total, startedAt });
      emit({ type: "progress", task: `Fetching ${found.name}`, done, total });
    }
    fetches.delete(address);
    const { name, parameters, layers, hiddenSize, vocabulary, contextLength } = found;
    const facts = { name, parameters, layers, hiddenSize, vocabulary, contextLength, byteLength: total, address };
    return { ...fakeModel, ...facts, hash: `${fakeCommit}${fakeCommit}`.slice(0, 64), notes: [] };
  }

  async function openHere(signal?: AbortSignal): Promise<void> {
    for (let done = 1; done <= pieces; done++) {
      emit({ type: "progress", task: "Reading model.safetensors", done, total: pieces });
      await wait();
      signal?.throwIfAborted();
    }
  }

  return {
    async openModel(source, signal) {
      let model = source.kind === "stored" ? models.get(source.hash) : undefined;
      const isHub = source.kind === "hub" || (source.kind === "url" && !source.base.includes("://"));
      if (isHub) model = await fetchModel(source, signal);
      else await openHere(signal);
      if (source.kind === "files" && !source.files.some(({ name }) => name === "config.json"))
        throw new Error("The files hold no config.json. Choose the whole model folder, as Hugging Face lays it out.");
      model ??= source.kind === "url" && source.name ? { ...fakeModel, name: source.name } : fakeModel;
      models.set(model.hash, model);
      return model;
    },

    async inspectModel(source, signal) {
      await wait();
      signal?.throwIfAborted();
      const id = idOf(source);
      if (id === "owner/gated")
        throw new Error(`The model "${id}" is gated: agree on ${hubPage}${id}, download its files there.`);
      if (id === "owner/missing") throw new Error(`Hugging Face has no public model "${id}" (401).`);
      const kept = [...models.values()].find(({ name }) => name === id);
      const begun = [...fetches.values()].find(({ name }) => name === id);
      const room = id === "owner/large" ? { byteLength: 20_000_000_000 } : {};
      return fakeInspection(id, { kept: kept?.hash ?? null, fetched: begun?.fetched ?? 0, ...room });
    },

    async modelDetails(hash) {
      return {
        hash,
        files: [
          { name: "config.json", byteLength: 620 },
          { name: "model.safetensors", byteLength: 1_050_000 },
        ],
        template: "{% for message in messages %}\n{{ message.content }}{{ eos_token }}\n{% endfor %}",
        bos: "<s>",
        eos: "</s>",
        specialTokens: ["<unk>", "<s>", "</s>"],
        heads: 8,
        keyValueHeads: 4,
        intermediateSize: 172,
        linears: ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        tiedHead: true,
        needs: { lora: 1_700_000, full: 4_160_000 },
      };
    },

    listFetches: async () => [...fetches.values()],
    discardFetch: async (address) => void fetches.delete(address),

    catalogue: async () => [
      {
        id: "HuggingFaceTB/SmolLM2-135M",
        parameters: 134_515_008,
        contextLength: 8192,
        byteLength: 269_060_552,
        gated: false,
        instructed: false,
        purpose: "Has read 2 trillion tokens, mostly English.",
        needs,
      },
      {
        id: "owner/gated",
        parameters: 1_235_814_400,
        contextLength: 131_072,
        byteLength: 2_471_645_608,
        gated: true,
        instructed: true,
        purpose: "A model that its owners give with conditions.",
        needs: { lora: 5_100_000_000, full: 19_800_000_000 },
      },
    ],
  };
}

/** A fetch that an earlier visit left half-way. */
export const fakeFetch: UnfinishedFetch = {
  address: `${hubPage}owner/half/resolve/${fakeCommit}/`,
  name: "owner/half",
  source: { kind: "hub", id: "owner/half", revision: fakeCommit, folder: "" },
  fetched: 120_000_000,
  byteLength: 271_165_812,
  startedAt: "2026-03-01T09:00:00.000Z",
};
