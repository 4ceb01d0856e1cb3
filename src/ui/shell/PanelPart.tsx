/** A named part of a panel with title and purpose. */

import { Stack, Text } from "@mantine/core";
import { type ComponentProps, useId } from "react";
import classes from "./PanelPart.module.css";

interface PanelPartProps extends Omit<ComponentProps<"section">, "aria-labelledby" | "className"> {
  readonly title: string;
  readonly about: string;
}

export function PanelPart({ title, about, children, ...rest }: PanelPartProps) {
  const id = useId();
  return (
    <section {...rest} aria-labelledby={id} className={classes.part}>
      <Stack gap="md">
        <div>
          <h3 className={classes.title} id={id}>
            {title}
          </h3>
          <Text size="sm" c="dimmed">
            {about}
          </Text>
        </div>
        {children}
      </Stack>
    </section>
  );
}
