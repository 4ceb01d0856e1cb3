/** A short list of tested models with size and memory. */

import { Button } from "@mantine/core";
import { useEffect } from "react";
import { bytes, count } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { modelWords } from "../words/model.ts";
import classes from "./Model.module.css";

const words = modelWords.catalogue;

interface CatalogueProps {
  onInspect(id: string): void;
}

export function Catalogue({ onInspect }: CatalogueProps) {
  const hone = useHone();
  const entries = useFacts((state) => state.model.catalogue);
  const ready = useFacts((state) => state.engine.status === "ready");
  const busy = useFacts(({ model }) => model.opening || model.lookup.looking);
  useEffect(() => {
    if (ready) void hone.model.browse();
  }, [hone, ready]);

  return (
    <div className={classes.catalogue}>
      <h3 className={classes.title}>{words.title}</h3>
      <p className={classes.lead}>{words.lead}</p>
      <ul className={classes.list}>
        {(entries ?? []).map((model) => (
          <li key={model.id} className={classes.entry}>
            <div className={classes.grow}>
              <p className={classes.name}>
                {model.id} <span className={classes.tag}>{model.instructed ? words.instructed : words.base}</span>
                {model.gated && <span className={classes.tag}>{words.gated}</span>}
              </p>
              <p className={classes.purpose}>{model.purpose}</p>
              <p className={classes.figures}>
                {words.fetch(bytes(model.byteLength))} · {words.parameters(count(model.parameters))} ·{" "}
                {words.needs(bytes(model.needs.lora))}
              </p>
            </div>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={words.inspect(model.id)}
              disabled={!ready || busy}
              onClick={() => onInspect(model.id)}
            >
              {words.inspectShort}
            </Button>
          </li>
        ))}
      </ul>
    </div>
  );
}
