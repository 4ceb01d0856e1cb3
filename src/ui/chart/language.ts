/**
 * To be imported before uPlot, which hands navigator.language to Intl as it loads: that throws on a system whose locale is
 * "C", where Chromium says "en-US@posix".
 */

try {
  new Intl.NumberFormat(navigator.language);
} catch {
  Object.defineProperty(navigator, "language", { value: "en", configurable: true });
}
