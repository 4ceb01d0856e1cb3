/** Colour scheme: light, dark or system. */

import { NativeSelect, useMantineColorScheme } from "@mantine/core";
import { colorWords as words } from "../words/shell.ts";

export function ColorScheme() {
  // Otherwise it writes a style element, which the page's policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  return (
    <NativeSelect
      aria-label={words.label}
      size="xs"
      value={colorScheme}
      data={[
        { value: "auto", label: words.schemes.auto },
        { value: "light", label: words.schemes.light },
        { value: "dark", label: words.schemes.dark },
      ]}
      onChange={({ currentTarget: { value } }) =>
        setColorScheme(value === "light" || value === "dark" ? value : "auto")
      }
    />
  );
}
