/** Folders as a browser gives them to a page: chosen in a dialog, or dropped. */

/** A file whose text is its path. */
export const chosen = (path: string): File => {
  const file = new File([path], path.slice(path.lastIndexOf("/") + 1));
  Object.defineProperty(file, "webkitRelativePath", { value: path });
  return file;
};

/** A folder in a drop: its members arrive in parts, the last of them empty. */
function entryOf(path: string, paths: readonly string[]): object {
  const isFile = paths.includes(path);
  const name = path.slice(path.lastIndexOf("/") + 1);
  if (isFile) return { name, isFile, isDirectory: false, file: (done: (file: File) => void) => done(chosen(path)) };
  const depth = path.split("/").length;
  const below = paths.filter((other) => other.startsWith(`${path}/`));
  const names = new Set(
    below.map((other) =>
      other
        .split("/")
        .slice(0, depth + 1)
        .join("/"),
    ),
  );
  const members = [...names].map((member) => entryOf(member, paths));
  return {
    name,
    isFile,
    isDirectory: true,
    createReader: () => ({ readEntries: (done: (entries: object[]) => void) => done(members.splice(0, 2)) }),
  };
}

export const droppedFolder = (folder: string, paths: readonly string[]): DataTransfer =>
  ({ items: [{ webkitGetAsEntry: () => entryOf(folder, paths) }], files: [] }) as unknown as DataTransfer;
