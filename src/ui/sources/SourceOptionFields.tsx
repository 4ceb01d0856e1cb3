/** The options of a source: special tokens in its content, and tools for rows without their own. */

import { Checkbox, Textarea } from "@mantine/core";
import { useState } from "react";
import { toolsProblem } from "../../run/edits.ts";
import type { SourceOptions } from "../../run/source.ts";
import { useHone } from "../hone.ts";
import { sourceEditWords as words } from "../words/edit.ts";
import classes from "./DataPanel.module.css";

interface SourceOptionFieldsProps {
  readonly hash: string;
  readonly options: SourceOptions;
  readonly disabled: boolean;
}

export function SourceOptionFields({ hash, options, disabled }: SourceOptionFieldsProps) {
  const hone = useHone();
  // The typed text stays; only a list is used.
  const [typed, setTyped] = useState<string | null>(null);
  const shown = typed ?? options.tools ?? "";
  const problem = shown.trim() === "" ? null : toolsProblem(shown);
  const { specialTokens: _special, ...withoutSpecial } = options;
  const { tools: _tools, ...withoutTools } = options;
  const { replaced: _replaced, ...withoutReplaced } = options;

  return (
    <div className={classes.options}>
      <Checkbox
        size="sm"
        label={words.specialTokens}
        description={words.specialTokensAbout}
        disabled={disabled}
        checked={options.specialTokens === true}
        onChange={(event) =>
          hone.data.setOptions(hash, event.currentTarget.checked ? { ...options, specialTokens: true } : withoutSpecial)
        }
      />
      <Checkbox
        size="sm"
        label={words.replacedRows}
        description={words.replacedRowsAbout}
        disabled={disabled}
        checked={options.replaced === true}
        onChange={(event) =>
          hone.data.setOptions(hash, event.currentTarget.checked ? { ...options, replaced: true } : withoutReplaced)
        }
      />
      <Textarea
        label={words.tools}
        description={words.toolsAbout}
        classNames={{ input: classes.json ?? "" }}
        rows={Math.min(16, Math.max(3, shown.split("\n").length))}
        spellCheck={false}
        autoCapitalize="off"
        disabled={disabled}
        value={shown}
        error={problem !== null && words.toolsRefused(problem)}
        onChange={({ currentTarget: { value } }) => {
          setTyped(value);
          if (value.trim() === "") hone.data.setOptions(hash, withoutTools);
          else if (toolsProblem(value) === null) hone.data.setOptions(hash, { ...options, tools: value });
        }}
      />
    </div>
  );
}
