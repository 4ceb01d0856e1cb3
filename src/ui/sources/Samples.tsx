/** The sample datasets of the page. */

import { Button, Text } from "@mantine/core";
import { dataSamples } from "../../store/samples.ts";
import { useHone } from "../hone.ts";
import { dataWords as words } from "../words/data.ts";
import classes from "./DataPanel.module.css";

export function Samples({ disabled }: { readonly disabled: boolean }) {
  const hone = useHone();
  return (
    <ul className={classes.samples} aria-label={words.samples}>
      {dataSamples.map(({ file, label, shows }) => (
        <li key={file}>
          <Button
            size="compact-sm"
            variant="default"
            disabled={disabled}
            onClick={() => void hone.data.openSample(file)}
          >
            {label}
          </Button>
          <Text size="sm" c="dimmed">
            {shows}
          </Text>
        </li>
      ))}
    </ul>
  );
}
