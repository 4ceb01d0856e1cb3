/** A short list of models with licence, size, memory for each method, and template. */

import { Button } from "@mantine/core";
import { useEffect } from "react";
import type { CatalogueEntry, EngineReport } from "../../protocol/engine.ts";
import { bytes, count } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import classes from "./Catalogue.module.css";
import { caution, memoryLimit, tooLarge } from "./room.ts";

const words = modelWords.catalogue;

interface CatalogueProps {
  onInspect(id: string): void;
}

interface EntryProps extends CatalogueProps {
  readonly model: CatalogueEntry;
  readonly report: EngineReport | null;
  readonly off: boolean;
}

/** Looks the model up, or opens the page of a gated one. */
function Action({ model, off, onInspect }: Omit<EntryProps, "report">) {
  const { id, gatedBy } = model;
  const style = { size: "compact-sm", variant: "default" } as const;
  if (gatedBy !== null) {
    return (
      <Button
        {...style}
        component="a"
        href={`https://huggingface.co/${id}`}
        target="_blank"
        rel="noreferrer"
        aria-label={words.pageOf(id)}
      >
        {words.page}
      </Button>
    );
  }
  return (
    <Button {...style} aria-label={words.inspect(id)} disabled={off} onClick={() => onInspect(id)}>
      {words.inspectShort}
    </Button>
  );
}

function Entry({ model, report, off, onInspect }: EntryProps) {
  const { id, needs, gatedBy } = model;
  const [owner, name] = id.split("/");
  const refusal = report && tooLarge(needs, report);
  const doubt = refusal ?? (report && caution(needs, report));
  const limit = report && memoryLimit(report);
  const memory = (need: number, least: number) => (
    <>
      {bytes(need)}
      {least < need && <span className={classes.least}>{words.in4Bits(bytes(least))}</span>}
      {limit !== null && least > limit && <span className={classes.over}>{words.tooLarge}</span>}
    </>
  );
  const figures = [
    [words.parameters, count(model.parameters)],
    [words.download, bytes(model.byteLength)],
    [words.lora, memory(needs.lora.float16, needs.lora.int4)],
    [words.full, memory(needs.full, needs.full)],
  ] as const;
  const terms = [
    [words.licence, model.licence],
    [words.template, model.template ?? words.noTemplate],
  ] as const;
  return (
    <li className={classes.entry}>
      <div className={classes.about}>
        <h3 className={classes.name}>
          <span className={classes.owner}>{owner}/</span>
          {name} <span className={classes.tag}>{model.instructed ? words.instructed : words.base}</span>
          {gatedBy !== null && <span className={classes.tag}>{words.gated}</span>}
        </h3>
        <p className={classes.purpose}>{model.purpose}</p>
        <dl className={classes.terms}>
          {terms.map(([term, value]) => (
            <div key={term}>
              <dt>{term}</dt> <dd>{value}</dd>
            </div>
          ))}
        </dl>
        {refusal === null && gatedBy !== null && <p className={classes.purpose}>{words.gatedBy(gatedBy)}</p>}
        {doubt !== null && <p className={classes.doubt}>{doubt}</p>}
      </div>
      <dl className={classes.figures}>
        {figures.map(([term, value]) => (
          <div key={term}>
            <dt>{term}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div className={classes.action}>
        {refusal === null && <Action model={model} off={off} onInspect={onInspect} />}
      </div>
    </li>
  );
}

export function Catalogue({ onInspect }: CatalogueProps) {
  const hone = useHone();
  const entries = useFacts((state) => state.model.catalogue);
  const report = useFacts((state) => state.engine.report);
  const ready = useFacts((state) => state.engine.status === "ready");
  const busy = useFacts(({ model }) => model.opening || model.lookup.looking);
  useEffect(() => {
    if (ready) void hone.model.browse();
  }, [hone, ready]);

  return (
    <Panel title={words.title}>
      <p className={classes.lead}>
        {words.lead} {words.memory}
      </p>
      {/* Column heads of wide screens; each figure has its name for readers and phones. */}
      <div className={classes.heads} aria-hidden>
        <span>{words.model}</span>
        <span>{words.parameters}</span>
        <span>{words.download}</span>
        <span>{words.lora}</span>
        <span>{words.full}</span>
      </div>
      <ul className={classes.list}>
        {(entries ?? []).map((model) => (
          <Entry key={model.id} model={model} report={report} off={!ready || busy} onInspect={onInspect} />
        ))}
      </ul>
    </Panel>
  );
}
