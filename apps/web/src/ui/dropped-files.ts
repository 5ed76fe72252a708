/** A file with its path below whatever was dropped. */
export interface DroppedFile {
  path: string;
  file: File;
}

/** Everything in a drop, folders walked through. */
export async function filesOfDrop(transfer: DataTransfer): Promise<DroppedFile[]> {
  // The items are gone after the first await, so all entries are taken before it.
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry())
    .filter((e) => e !== null);
  if (entries.length === 0) return filesOfInput(transfer.files);
  return (await Promise.all(entries.map(walk))).flat();
}

/** The files of an input; `webkitRelativePath` is there when a folder was chosen. */
export function filesOfInput(files: FileList | null): DroppedFile[] {
  return [...(files ?? [])].map((file) => ({ path: file.webkitRelativePath || file.name, file }));
}

async function walk(entry: FileSystemEntry): Promise<DroppedFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    );
    return [{ path: entry.fullPath.replace(/^\//, ''), file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const found: DroppedFile[] = [];
  // A reader hands out at most 100 entries a call and says with an empty list that it is done.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map(walk))).flat());
  }
}
