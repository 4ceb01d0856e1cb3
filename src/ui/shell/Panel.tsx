/** A part of the page: a named region with its title, and room for a word beside it. */

import { Paper, Stack, Title } from "@mantine/core";
import { type ReactNode, useId } from "react";
import classes from "./Panel.module.css";

interface PanelProps {
  readonly title: string;
  /** Where a link leads. */
  readonly id?: string;
  /** Stands beside the title. */
  readonly aside?: ReactNode;
  readonly children: ReactNode;
}

export function Panel({ title, id: place, aside, children }: PanelProps) {
  const id = useId();
  return (
    <Paper
      component="section"
      aria-labelledby={id}
      {...(place !== undefined && { id: place, tabIndex: -1 })}
      withBorder
      p={{ base: "md", sm: "lg" }}
      className={classes.panel}
    >
      <Stack gap="md">
        <header className={classes.header}>
          <Title order={2} size="h4" id={id}>
            {title}
          </Title>
          {aside}
        </header>
        {children}
      </Stack>
    </Paper>
  );
}
