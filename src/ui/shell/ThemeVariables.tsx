/**
 * The theme's variables, in a style sheet that is constructed: Mantine itself would write a style element, which the page's
 * Content-Security-Policy forbids. For the same reason no component uses responsive style props (`p={{ base: … }}`).
 */

import {
  convertCssVariables,
  deepMerge,
  defaultCssVariablesResolver,
  useMantineCssVariablesResolver,
  useMantineTheme,
} from "@mantine/core";
import { useInsertionEffect } from "react";

/** Stands within a MantineProvider that writes neither variables nor classes. */
export function ThemeVariables(): null {
  const theme = useMantineTheme();
  const own = useMantineCssVariablesResolver();
  useInsertionEffect(() => {
    const usual = defaultCssVariablesResolver(theme);
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(convertCssVariables(own ? deepMerge(usual, own(theme)) : usual));
    document.adoptedStyleSheets.push(sheet);
    return () => {
      document.adoptedStyleSheets = document.adoptedStyleSheets.filter((other) => other !== sheet);
    };
  }, [theme, own]);
  return null;
}
