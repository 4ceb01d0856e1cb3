/** What the page says when a reload would bring something. */

export const updateWords = {
  version: "A new version is ready.",
  versionAfterRun: "A new version is ready. Reload when the run has ended.",
  threads: "Reload once, and training may use all cores of this machine.",
  reload: "Reload",
};
