/** An inspected model: facts, download size, memory, and the download. */

import { Alert, Anchor, Button, Group, NativeSelect, Text } from "@mantine/core";
import type { ModelInspection } from "../../protocol/engine.ts";
import { bytes, count } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { Facts } from "../shell/Facts.tsx";
import { modelWords } from "../words/model.ts";
import classes from "./Model.module.css";
import { caution, loraNeeds, tooLarge } from "./room.ts";

const words = modelWords.hub;
const chosen = modelWords.chosen;

export function Inspection({ found }: { readonly found: ModelInspection }) {
  const hone = useHone();
  const report = useFacts((state) => state.engine.report);
  const opening = useFacts((state) => state.model.opening);
  const training = useFacts((state) => state.training.phase !== "idle");
  const missing = found.byteLength === null ? null : found.byteLength - found.fetched;
  const noRoom = missing !== null && found.free !== null && missing > found.free;
  const refusal = report && tooLarge(found.needs, report);
  const doubtful =
    refusal !== null ? `${refusal} ${modelWords.room.otherModel}` : report && caution(found.needs, report);
  const { copyHash, source } = found;

  const use = () => {
    if (copyHash !== null) hone.model.select(copyHash);
    hone.model.dismiss();
  };
  const label =
    found.fetched > 0 && missing !== null
      ? words.resume(bytes(missing))
      : words.fetch(missing === null ? null : bytes(missing));

  return (
    <section className={classes.card} aria-label={words.found(found.name)} data-testid="inspection">
      <div className={classes.line}>
        <h3 className={classes.name}>{found.name}</h3>
        <Anchor href={found.place} target="_blank" rel="noreferrer" size="sm">
          {source.kind === "hub" ? words.page : new URL(found.place).host}
        </Anchor>
      </div>
      {found.choices.length > 1 && (
        <NativeSelect
          label={words.gguf(found.choices.length)}
          value={found.choices[0] ?? ""}
          disabled={opening}
          onChange={(event) => void hone.model.inspectFile(event.currentTarget.value)}
          data={[...found.choices].sort()}
        />
      )}
      <Facts
        facts={[
          [words.size, found.byteLength === null ? words.unknown : bytes(found.byteLength)],
          [chosen.facts.parameters, count(found.parameters)],
          [chosen.facts.architecture, found.architecture],
          [chosen.facts.layers, chosen.layersTimes(found.layers, count(found.hiddenSize))],
          [chosen.facts.vocabulary, count(found.vocabulary)],
          [chosen.facts.context, chosen.tokens(count(found.contextLength))],
          [chosen.details.lora, loraNeeds(found.needs)],
          [chosen.details.full, bytes(found.needs.full)],
        ]}
      />
      <details className={classes.more}>
        <summary>{words.files(found.files.length)}</summary>
        <ul className={classes.files}>
          {found.files.map(({ name, byteLength }) => (
            <li key={name}>
              <code>{name}</code> <span>{byteLength === null ? words.unknown : bytes(byteLength)}</span>
            </li>
          ))}
          {source.kind === "hub" && (
            <li>
              {words.commit} <code>{source.revision}</code>
            </li>
          )}
        </ul>
      </details>
      {noRoom && missing !== null && (
        <Alert color="red" role="alert">
          {words.noRoom(bytes(missing), bytes(found.free ?? 0))}
        </Alert>
      )}
      {doubtful !== null && (
        <Text size="sm" className={classes.doubt ?? ""}>
          {doubtful}
        </Text>
      )}
      {copyHash !== null && <Text size="sm">{words.stored}</Text>}
      <Group gap="sm">
        {copyHash === null ? (
          <Button disabled={opening || noRoom || training} onClick={() => void hone.model.fetchFound()}>
            {label}
          </Button>
        ) : (
          <Button disabled={training} onClick={use}>
            {words.use}
          </Button>
        )}
        <Button variant="default" disabled={opening} onClick={hone.model.dismiss}>
          {words.cancel}
        </Button>
      </Group>
    </section>
  );
}
