/** Details of a model: shape, special tokens, chat template and files. */

import type { ModelDetails, ModelSummary } from "../../protocol/engine.ts";
import { bytes, count } from "../format.ts";
import { Facts } from "../shell/Facts.tsx";
import { ScrollRegion } from "../shell/ScrollRegion.tsx";
import { modelWords } from "../words/model.ts";
import classes from "./Model.module.css";
import { loraNeeds } from "./room.ts";

const words = modelWords.chosen;

/** Number of shown template lines. */
const linesShown = 12;
/** Number of shown special tokens: some models have hundreds. */
const tokensShown = 24;

interface DetailsProps {
  readonly model: ModelSummary;
  /** Null until they are loaded. */
  readonly details: ModelDetails | null;
}

export function Template({ model, details }: DetailsProps) {
  if (!model.chatTemplate) return <p className={classes.lead}>{words.noTemplate}</p>;
  const lines = details?.template?.split("\n") ?? [];
  return (
    <details className={classes.more}>
      <summary>{words.template}</summary>
      <ScrollRegion label={words.template} className={classes.template ?? ""}>
        <pre>{lines.slice(0, linesShown).join("\n")}</pre>
      </ScrollRegion>
      {lines.length > linesShown && <p className={classes.figures}>{words.templateLines(linesShown, lines.length)}</p>}
    </details>
  );
}

const token = (text: string | null) => (text === null ? words.details.nothing : <code>{text}</code>);

export function Details({ model, details }: DetailsProps) {
  const names = words.details;
  return (
    <details className={classes.more}>
      <summary>{words.more}</summary>
      <div className={classes.body}>
        {details && (
          <>
            <Facts
              facts={[
                [names.heads, names.headsOf(details.heads, details.keyValueHeads)],
                [names.mlp, count(details.intermediateSize)],
                [names.head, details.tiedHead ? names.tied : names.untied],
                [names.bos, token(details.bos)],
                [names.eos, token(details.eos)],
                [names.lora, loraNeeds(details.needs)],
                [names.full, bytes(details.needs.full)],
              ]}
            />
            <p className={classes.lead}>{words.needs}</p>
            <h3 className={classes.title}>{names.special}</h3>
            <p className={classes.tokens}>
              {details.specialTokens.slice(0, tokensShown).map((token) => (
                <code key={token}>{token}</code>
              ))}
              {details.specialTokens.length > tokensShown && (
                <span>{names.specialMore(details.specialTokens.length - tokensShown)}</span>
              )}
            </p>
            <h3 className={classes.title}>{names.files}</h3>
            <ul className={classes.files}>
              {details.files.map(({ name, byteLength }) => (
                <li key={name}>
                  <code>{name}</code> <span>{bytes(byteLength)}</span>
                </li>
              ))}
            </ul>
          </>
        )}
        <p className={classes.pair}>
          {names.hash} <code>{model.hash}</code>
        </p>
        <p className={classes.pair}>
          {names.address} {model.address === null ? names.disk : <code>{model.address}</code>}
        </p>
      </div>
    </details>
  );
}
