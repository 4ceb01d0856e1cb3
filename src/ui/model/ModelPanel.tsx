/** Choice of the model: Seedling, from disk, from Hugging Face, or stored here. */

import { type DragEvent, useState } from "react";
import { useFacts, useHone } from "../hone.ts";
import { useOpenAdapter } from "../runs/OpenTuned.tsx";
import { droppedTuned, isAdapter } from "../runs/tunedSource.ts";
import { modelWords } from "../words/model.ts";
import { Catalogue } from "./Catalogue.tsx";
import { ChosenModel } from "./ChosenModel.tsx";
import { FromDisk } from "./FromDisk.tsx";
import { FromHub, hubPanel } from "./FromHub.tsx";
import classes from "./Model.module.css";
import { SeedlingCard } from "./SeedlingCard.tsx";
import { StoredModels } from "./StoredModels.tsx";
import { droppedSource } from "./source.ts";

export function ModelPanel() {
  const hone = useHone();
  const openAdapter = useOpenAdapter();
  const off = useFacts(({ engine, model }) => engine.status !== "ready" || model.opening);
  const [over, setOver] = useState(false);
  const [text, setText] = useState("");
  const inspect = (id: string) => {
    setText(id);
    void hone.model.inspect(id);
    // The answer appears there, above the list.
    const panel = document.getElementById(hubPanel);
    panel?.scrollIntoView({ block: "start" });
    panel?.focus({ preventScroll: true });
  };
  const drag = (event: DragEvent, inside: boolean) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    setOver(inside);
  };
  const drop = async (transfer: DataTransfer) => {
    const [source, tuned] = await Promise.all([droppedSource(transfer), droppedTuned(transfer)]);
    if (off) return;
    if (isAdapter(tuned.files.map(({ path }) => path))) await openAdapter(tuned);
    else await hone.model.open(source);
  };

  return (
    // Dropping repeats the buttons, so the keyboard reaches everything.
    <section
      aria-label={modelWords.screen}
      className={classes.screen}
      data-over={over || undefined}
      data-testid="drop-model"
      onDragOver={(event) => drag(event, true)}
      onDragLeave={(event) => {
        if (!event.currentTarget.contains(event.relatedTarget instanceof Node ? event.relatedTarget : null))
          drag(event, false);
      }}
      onDrop={(event) => {
        drag(event, false);
        void drop(event.dataTransfer);
      }}
    >
      <ChosenModel />
      <div className={classes.ways}>
        <div className={classes.column}>
          <SeedlingCard />
          <FromDisk />
          <StoredModels />
        </div>
        <FromHub text={text} onText={setText} />
      </div>
      <Catalogue onInspect={inspect} />
    </section>
  );
}
