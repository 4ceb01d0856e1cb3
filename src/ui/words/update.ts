/** Texts of the note that offers a reload. */

export const updateWords = {
  version: "A new version is ready.",
  versionAfterRun: "A new version is ready. Reload after the run has ended.",
  threads: "Reload the page once to train on all cores of this machine.",
  reload: "Reload",
};
