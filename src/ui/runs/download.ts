/** Hands a file to the browser's downloads. */
export function download(name: string, content: Blob): void {
  const address = URL.createObjectURL(content);
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  // The download has begun once the click returns to the event loop; some browsers read the address a little later.
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}
