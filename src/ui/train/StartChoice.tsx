/** The weights that the next run starts from. */

import { NativeSelect } from "@mantine/core";
import { possibleStarts } from "../../store/starting.ts";
import { useFacts, useHone } from "../hone.ts";
import { useSpec } from "../spec.tsx";
import { startWords as words } from "../words/tuned.ts";

/** Shown where the chosen model has a run with weights. */
export function StartChoice() {
  const hone = useHone();
  const { start } = useSpec();
  const list = useFacts((state) => state.runs.list);
  const selected = useFacts((state) => state.model.selected);
  const training = useFacts((state) => state.training.phase !== "idle");
  const starts = possibleStarts(list, selected);
  if (starts.length === 0) return null;
  return (
    <NativeSelect
      name="startFrom"
      label={words.label}
      description={words.help}
      inputWrapperOrder={["label", "input", "error", "description"]}
      value={start?.id ?? ""}
      disabled={training}
      data={[
        { value: "", label: words.base },
        ...starts.map(({ id, name, step, origin }) => ({
          value: id,
          label: words.run(name, step, origin !== undefined),
        })),
      ]}
      onChange={({ currentTarget: { value } }) => hone.starting.choose(value === "" ? null : value)}
    />
  );
}
