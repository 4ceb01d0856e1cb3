/** Light, dark, or as the system has it. */

import { NativeSelect, useMantineColorScheme } from "@mantine/core";

export function ColorScheme() {
  // Without this it would write a style element, which the page's policy forbids.
  const { colorScheme, setColorScheme } = useMantineColorScheme({ keepTransitions: true });
  return (
    <NativeSelect
      aria-label="Colours"
      size="xs"
      value={colorScheme}
      data={[
        { value: "auto", label: "System colours" },
        { value: "light", label: "Light" },
        { value: "dark", label: "Dark" },
      ]}
      onChange={({ currentTarget: { value } }) =>
        setColorScheme(value === "light" || value === "dark" ? value : "auto")
      }
    />
  );
}
