/** Models stored in this browser, and interrupted downloads. */

import { Button, Progress, Text } from "@mantine/core";
import type { ModelSummary, UnfinishedFetch } from "../../protocol/engine.ts";
import { bytes, count, dateAndTime, plural } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { ConfirmButton } from "../shell/ConfirmButton.tsx";
import { Mark } from "../shell/Mark.tsx";
import { Panel } from "../shell/Panel.tsx";
import { modelWords } from "../words/model.ts";
import classes from "./Model.module.css";
import { Opening } from "./Opening.tsx";

const words = modelWords.stored;

function Unfinished({ fetch, off }: { readonly fetch: UnfinishedFetch; readonly off: boolean }) {
  const hone = useHone();
  const { name, address, fetched, byteLength } = fetch;
  const percent = byteLength > 0 ? Math.round((100 * fetched) / byteLength) : 0;
  return (
    <li className={classes.entry}>
      <div className={classes.grow}>
        <p className={classes.name}>
          {name} <span className={classes.tag}>{words.unfinished}</span>
        </p>
        <Progress value={percent} aria-label={words.bar(name)} className={classes.bar ?? ""} />
        <p className={classes.figures}>{words.fetched(bytes(fetched), bytes(byteLength))}</p>
      </div>
      <div className={classes.actions}>
        <Button
          size="compact-sm"
          variant="default"
          aria-label={words.resumeOf(name)}
          disabled={off}
          onClick={() => void hone.model.goOn(address)}
        >
          {words.resume}
        </Button>
        <ConfirmButton
          label={words.discard}
          name={name}
          question={words.discardQuestion}
          confirm={words.discard}
          disabled={off}
          onConfirm={() => void hone.model.discard(address)}
        />
      </div>
    </li>
  );
}

function StoredModel({ model, off }: { readonly model: ModelSummary; readonly off: boolean }) {
  const hone = useHone();
  const chosen = useFacts((state) => state.model.selected === model.hash);
  const runs = useFacts((state) => state.runs.list.filter((run) => run.model.hash === model.hash).length);
  const { name, hash } = model;
  return (
    <li className={classes.entry}>
      <div className={classes.grow}>
        <p className={classes.name}>{name}</p>
        <p className={classes.figures}>
          {bytes(model.byteLength)} · {count(model.parameters)} · <code>{hash.slice(0, 12)}</code> ·{" "}
          {model.savedAt === null ? words.session : words.since(dateAndTime(model.savedAt))}
        </p>
      </div>
      <div className={classes.actions}>
        {chosen ? (
          <Mark tone="good">{words.chosen}</Mark>
        ) : (
          <Button
            size="compact-sm"
            variant="default"
            aria-label={words.chooseModel(name)}
            disabled={off}
            onClick={() => hone.model.select(hash)}
          >
            {words.use}
          </Button>
        )}
        {model.stored && (
          <ConfirmButton
            label={words.remove}
            name={name}
            question={runs > 0 ? words.questionRuns(plural(runs, "run")) : words.question}
            confirm={words.remove}
            disabled={off}
            onConfirm={() => void hone.model.remove(hash)}
          />
        )}
      </div>
    </li>
  );
}

export function StoredModels() {
  const { list, fetches, opening } = useFacts((state) => state.model);
  const training = useFacts((state) => state.training.phase !== "idle");
  const ready = useFacts((state) => state.engine.status === "ready");
  const off = opening || training || !ready;
  return (
    <Panel title={words.title}>
      {list.length === 0 && fetches.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <ul className={classes.list}>
        {fetches.map((fetch) => (
          <Unfinished key={fetch.address} fetch={fetch} off={off} />
        ))}
        {list.map((model) => (
          <StoredModel key={model.hash} model={model} off={off} />
        ))}
      </ul>
      <Opening from="kept" label={modelWords.disk.opening} failed={words.failed} />
    </Panel>
  );
}
