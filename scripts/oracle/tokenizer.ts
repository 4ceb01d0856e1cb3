/** A byte-level tokenizer with the special tokens that a template writes, so that a template can be tried without its model. */

/** GPT-2's byte alphabet: one printable character per byte, from Latin-1 upwards. */
function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
  let spare = 256;
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : spare++));
}

/** Texts in a template that look like special tokens: `<|im_end|>`, `<end_of_turn>`, `[/INST]`, `<｜User｜>`. */
function markersOf(source: string): string[] {
  const patterns = [
    /<[|｜][^<>{}'"\s]{1,40}>|<[^<>{}'"\s]{1,40}[|｜]>/g,
    /<\/?\w+_(?:of_\w+|start|end)>|<(?:\w+:)?(?:bos|eos|sep|end)>/g,
    /\[\/?[A-Z][A-Z_]+\]|<\/?[A-Z][A-Z_]+>|\[\|\w+\|\]/g,
  ];
  const found = patterns.flatMap((pattern) => source.match(pattern) ?? []);
  return [...new Set(found)].filter((text) => text !== "<s>" && text !== "</s>");
}

/** Files as of a model: `<s>` is BOS, `</s>` is EOS, and reasoning tags are tokens that are not special. */
export function tokenizerOf(source: string): { readonly json: unknown; readonly config: unknown } {
  const pieces = byteAlphabet();
  const special = ["<s>", "</s>", ...markersOf(source)];
  const plain = ["<think>", "</think>", "<tool_call>", "</tool_call>"];
  const token = (content: string, i: number, isSpecial: boolean) => ({
    ...{ id: pieces.length + i, content, special: isSpecial },
    ...{ normalized: false, single_word: false, lstrip: false, rstrip: false },
  });
  return {
    json: {
      version: "1.0",
      added_tokens: [
        ...special.map((content, i) => token(content, i, true)),
        ...plain.map((content, i) => token(content, special.length + i, false)),
      ],
      normalizer: null,
      pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: false },
      post_processor: null,
      decoder: { type: "ByteLevel", add_prefix_space: true, trim_offsets: true, use_regex: true },
      model: {
        ...{ type: "BPE", vocab: Object.fromEntries(pieces.map((piece, id) => [piece, id])), merges: [] },
        ...{ byte_fallback: false, unk_token: null, ignore_merges: false },
      },
    },
    config: { bos_token: "<s>", eos_token: "</s>", add_bos_token: false },
  };
}
