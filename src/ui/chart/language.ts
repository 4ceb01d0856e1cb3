/**
 * Import it before uPlot, which passes navigator.language to Intl on load. With the locale "C" Chromium has "en-
 * US@posix", and Intl throws.
 */

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
}
