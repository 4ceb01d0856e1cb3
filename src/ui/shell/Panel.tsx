/** A named region of the page with a title and an aside. */

import { Paper, Stack, Title, VisuallyHidden } from "@mantine/core";
import { type ReactNode, useId } from "react";
import { useFacts } from "../hone.ts";
import { pageWords } from "../words/rail.ts";
import classes from "./Panel.module.css";

interface PanelProps {
  readonly title: string;
  /** Target id of links. */
  readonly id?: string;
  /** Content beside the title. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function Panel({ title, id: place, aside, children }: PanelProps) {
  const id = useId();
  // A panel named like its screen hides its title.
  const named = useFacts(({ place }) => pageWords[place.page].title === title);
  return (
    <Paper
      component="section"
      aria-labelledby={id}
      {...(place !== undefined && { id: place, tabIndex: -1 })}
      withBorder
      className={classes.panel}
    >
      <Stack gap="md">
        {named && aside === undefined ? (
          <VisuallyHidden component="h2" id={id}>
            {title}
          </VisuallyHidden>
        ) : (
          <header className={classes.header}>
            {named ? (
              <VisuallyHidden component="h2" id={id}>
                {title}
              </VisuallyHidden>
            ) : (
              <Title order={2} size="h4" id={id}>
                {title}
              </Title>
            )}
            {aside}
          </header>
        )}
        {children}
      </Stack>
    </Paper>
  );
}
