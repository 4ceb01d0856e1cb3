/** The exam's grader and its settings. */

import { NativeSelect, NumberInput, TextInput } from "@mantine/core";
import { type Grader, graderKinds, graderOf } from "../../run/grading/grader.ts";
import { compilePattern } from "../../run/grading/pattern.ts";
import { useFacts, useHone } from "../hone.ts";
import { graderWords as words } from "../words/exam.ts";

/** Why a pattern cannot be used; null where it can. */
function problemOf(grader: Grader): string | null {
  if (grader.kind !== "pattern" || grader.pattern === null) return null;
  try {
    compilePattern(grader.pattern);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

export function GraderFields({ disabled }: { readonly disabled: boolean }) {
  const hone = useHone();
  const grader = useFacts((state) => state.exam.settings.grader);
  const set = (next: Grader) => hone.exam.set({ grader: next });
  return (
    <>
      <NativeSelect
        flex="1 1 14rem"
        label={words.label}
        value={grader.kind}
        disabled={disabled}
        data={graderKinds.map((kind) => ({ value: kind, label: words.kinds[kind] }))}
        onChange={({ currentTarget: { value } }) => {
          const kind = graderKinds.find((known) => known === value);
          if (kind) set(graderOf(kind));
        }}
      />
      {grader.kind === "number" && (
        <NumberInput
          flex="0 1 9rem"
          label={words.tolerance}
          value={grader.tolerance}
          min={0}
          disabled={disabled}
          onChange={(value) => set({ kind: "number", tolerance: Math.max(0, Number(value) || 0) })}
        />
      )}
      {grader.kind === "pattern" && (
        <TextInput
          flex="1 1 100%"
          label={words.pattern}
          description={words.patternHelp}
          value={grader.pattern ?? ""}
          error={problemOf(grader)}
          disabled={disabled}
          onChange={({ currentTarget: { value } }) => set({ kind: "pattern", pattern: value === "" ? null : value })}
        />
      )}
      {grader.kind === "choice" && (
        <NativeSelect
          flex="1 1 14rem"
          label={words.per}
          value={grader.per}
          disabled={disabled}
          data={Object.entries(words.perKinds).map(([value, label]) => ({ value, label }))}
          onChange={({ currentTarget: { value } }) =>
            set({ kind: "choice", per: value === "character" ? "character" : "total" })
          }
        />
      )}
    </>
  );
}
