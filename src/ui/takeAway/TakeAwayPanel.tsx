/** Exports of one run as files for other tools: the adapter, the model, the artifacts, and the run itself. */

import { NativeSelect, Text } from "@mantine/core";
import { useState } from "react";
import type { WrittenType } from "../../protocol/engine.ts";
import { hasWeights } from "../../run/origin.ts";
import type { RunRecord } from "../../run/record.ts";
import { bestLossName, CheckpointChoice } from "../checkpoints/CheckpointChoice.tsx";
import { useCheckpointPick } from "../checkpoints/useCheckpoints.ts";
import { bytes } from "../format.ts";
import { useFacts, useHone } from "../hone.ts";
import { Panel } from "../shell/Panel.tsx";
import { handOverWords as handOver } from "../words/handOver.ts";
import { takeAwayWords as words } from "../words/takeAway.ts";
import { tunedWords } from "../words/tuned.ts";
import { ExportCard } from "./ExportCard.tsx";
import { RecipeCard } from "./RecipeCard.tsx";
import { RecordButton } from "./RecordButton.tsx";
import classes from "./TakeAway.module.css";

/** Bytes of one number of an adapter, and of each of its AdamW moments. */
const floatBytes = 4;

/** Bytes of one number in each type of a GGUF file; blocks of 32 numbers have a scale in 16 bits. */
const ggufBytes: Readonly<Record<WrittenType, number>> = { F32: 4, F16: 2, Q8_0: 34 / 32, Q4_0: 18 / 32 };
const types: readonly WrittenType[] = ["F16", "Q8_0", "Q4_0", "F32"];

function Cards({ run }: { readonly run: RunRecord }) {
  const { runs } = useHone();
  const pick = useCheckpointPick(run);
  const [type, setType] = useState<WrittenType>("F16");
  const model = useFacts((state) => state.model.list.find(({ hash }) => hash === run.model.hash));
  const size = useFacts((state) => state.runs.sizes[run.id]);
  const lora = run.recipe.method === "lora";
  const needs = model ? null : words.noModel(run.model.name, run.model.hash);
  return (
    <>
      <CheckpointChoice run={run} pick={pick} description={words.checkpoint(bestLossName(run))} />
      <div className={classes.cards}>
        <ExportCard
          run={run}
          kind="model"
          title={words.model.title[run.recipe.method]}
          contains={words.model.contains}
          worksWith={words.model.worksWith}
          size={model ? words.about(bytes(model.byteLength)) : null}
          commands={words.model.commands}
          button={words.model.button[run.recipe.method]}
          refusal={needs}
          make={(signal) => runs.model(run.id, pick.checkpoint, signal)}
        />
        <ExportCard
          run={run}
          kind="gguf"
          title={words.gguf.title}
          contains={words.gguf.contains}
          worksWith={words.gguf.worksWith}
          size={model ? words.about(bytes(model.parameters * ggufBytes[type])) : null}
          commands={words.gguf.commands}
          choice={
            <NativeSelect
              label={words.gguf.type}
              value={type}
              data={types.map((value) => ({ value, label: words.gguf.types[value] }))}
              onChange={({ currentTarget: { value } }) => setType(types.find((one) => one === value) ?? "F16")}
            />
          }
          button={words.gguf.button}
          refusal={needs}
          make={(signal) => runs.gguf(run.id, pick.checkpoint, type, signal)}
        />
        <ExportCard
          run={run}
          kind="adapter"
          title={words.adapter.title}
          contains={words.adapter.contains}
          worksWith={words.adapter.worksWith}
          size={lora ? words.about(bytes(run.trainable * floatBytes)) : null}
          button={words.adapter.button}
          refusal={lora ? needs : words.adapter.none}
          commands={words.adapter.commands}
          make={(signal) => runs.adapter(run.id, pick.checkpoint, signal)}
        />
        <ExportCard
          run={run}
          kind="gguf-adapter"
          title={words.ggufAdapter.title}
          contains={words.ggufAdapter.contains}
          worksWith={words.ggufAdapter.worksWith}
          size={lora ? words.about(bytes(run.trainable * floatBytes)) : null}
          commands={words.ggufAdapter.commands}
          button={words.ggufAdapter.button}
          refusal={lora ? needs : words.adapter.none}
          make={(signal) => runs.ggufAdapter(run.id, pick.checkpoint, signal)}
        />
        <ExportCard
          run={run}
          kind="hand-over"
          title={handOver.title}
          contains={handOver.contains}
          worksWith={handOver.worksWith}
          size={words.madeFirst}
          button={handOver.button}
          refusal={run.origin ? handOver.noRows : needs}
          make={(signal) => runs.handOver(run.id, pick.checkpoint, signal)}
        />
        <ExportCard
          run={run}
          kind="artifacts"
          title={words.artifacts.title}
          commands={words.artifacts.commands}
          contains={words.artifacts.contains}
          worksWith={words.artifacts.worksWith}
          size={words.madeFirst}
          button={words.artifacts.button}
          refusal={run.origin ? tunedWords.artifacts : needs}
          make={(signal) => runs.artifacts(run.id, signal)}
        />
        <ExportCard
          run={run}
          kind="run"
          title={words.whole.title}
          contains={words.whole.contains}
          worksWith={words.whole.worksWith}
          size={size === undefined ? null : words.about(bytes(size))}
          button={words.whole.button}
          refusal={null}
          make={(signal) => runs.whole(run.id, signal)}
        >
          <RecordButton run={run} />
        </ExportCard>
      </div>
    </>
  );
}

export function TakeAwayPanel() {
  const hone = useHone();
  const list = useFacts((state) => state.runs.list);
  const chosen = useFacts((state) => state.runs.takeAway);
  const trained = list.filter(hasWeights);
  const run = trained.find(({ id }) => id === chosen) ?? trained[0];
  return (
    <Panel title={words.title}>
      {run ? (
        <>
          <NativeSelect
            label={words.run}
            value={run.id}
            data={trained.map(({ id, name, step }) => ({ value: id, label: words.option(name, step) }))}
            onChange={(event) => hone.runs.takeAway(event.currentTarget.value)}
          />
          <Cards key={run.id} run={run} />
        </>
      ) : (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <div className={classes.cards}>
        <RecipeCard />
      </div>
    </Panel>
  );
}
