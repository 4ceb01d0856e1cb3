/** Colours and type of the page: one accent, one typeface, and its monospaced form. */

import { type CSSVariablesResolver, createTheme, List, type MantineColorsTuple } from "@mantine/core";

const petrol: MantineColorsTuple = [
  "#e8f4f6",
  "#d2e7eb",
  "#a9d0d8",
  "#7cb8c5",
  "#58a4b4",
  "#4097aa",
  "#2b8a9e",
  "#15778b",
  "#04697d",
  "#00586a",
];

export const theme = createTheme({
  colors: { petrol },
  primaryColor: "petrol",
  primaryShade: { light: 8, dark: 7 },
  defaultRadius: "md",
  respectReducedMotion: true,
  // Atkinson Hyperlegible distinguishes l, I and 1, and O and 0, in tokens and figures.
  fontFamily: '"Atkinson Hyperlegible Next Variable", system-ui, -apple-system, "Segoe UI", "Noto Sans", sans-serif',
  fontFamilyMonospace: '"Atkinson Hyperlegible Mono Variable", ui-monospace, "SF Mono", Menlo, Consolas, monospace',
  headings: { fontWeight: "600" },
  components: {
    List: List.extend({ defaultProps: { size: "sm", spacing: 4, withPadding: false } }),
  },
});

/** Colours with a contrast of at least 4.5 to 1 on panels, where Mantine's are paler. */
export const readableColours: CSSVariablesResolver = () => ({
  variables: {},
  light: {
    "--mantine-color-body": "var(--hone-panel)",
    "--mantine-color-text": "#1b2225",
    "--mantine-color-default-border": "#cfd2cc",
    "--mantine-color-dimmed": "#5b656e",
    "--mantine-color-placeholder": "#6b747c",
    "--mantine-color-error": "#c22525",
  },
  dark: {
    "--mantine-color-body": "var(--hone-panel)",
    "--mantine-color-text": "#dfe3e4",
    "--mantine-color-default-border": "#3a4247",
    "--mantine-color-default": "#23292c",
    "--mantine-color-default-hover": "#2b3236",
    "--mantine-color-dimmed": "#a3a9ae",
    "--mantine-color-placeholder": "#959ba1",
    "--mantine-color-error": "#ff8787",
    // Mantine's text of subtle buttons is nearly white in the dark scheme.
    "--mantine-color-red-light-color": "#ff9b9b",
    "--mantine-color-petrol-light-color": "#7cc4d3",
  },
});
