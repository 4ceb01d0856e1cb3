/**
 * The theme's variables in a constructed style sheet: the page's Content-Security-Policy forbids Mantine's style
 * element. For the same reason no component uses responsive style props (`p={{ base: … }}`).
 */

import {
  convertCssVariables,
  deepMerge,
  defaultCssVariablesResolver,
  useMantineCssVariablesResolver,
  useMantineTheme,
} from "@mantine/core";
import { useInsertionEffect } from "react";

/** For a MantineProvider that writes no variables and no classes. */
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
