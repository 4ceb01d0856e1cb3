/** Chooses the architecture that a `config.json` names. */

import * as v from "valibot";
import { cut } from "../tensor/quote.ts";
import type { Family, ModelDefinition } from "./architecture.ts";
import { ConfigError, parse } from "./config.ts";
import { llama } from "./llama.ts";

const known: readonly Family[] = [llama];

const headSchema = v.object({
  model_type: v.optional(v.string()),
  architectures: v.optional(v.nullable(v.array(v.string()))),
});

/** The model of a `config.json`. Throws a ConfigError for an unknown architecture, and as the family's `define` does. */
export function defineModel(json: unknown, families: readonly Family[] = known): ModelDefinition {
  const head = parse(headSchema, json);
  const named = head.architectures?.[0] ?? head.model_type ?? "none named";
  const family = families.find(({ name, modelType }) => name === named || modelType === named);
  if (family) return family.define(json);
  throw new ConfigError(
    `config.json: the architecture ${cut(named)} is not supported; Hone trains ${families.map(({ name }) => name).join(", ")}. ` +
      "Choose a Llama-family model such as SmolLM2 or TinyLlama.",
  );
}
