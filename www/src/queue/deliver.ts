import { downloadZip } from "client-zip";

/** A folder that one has given the page. */
interface Folder {
  getFileHandle(name: string, options: { create: true }): Promise<FileSystemFileHandle>;
}

/** Browsers with the File System Access API. */
interface FolderWindow {
  readonly showDirectoryPicker?: (options: { mode: "readwrite" }) => Promise<Folder>;
}

/** Whether this browser lets one choose a folder to write into. */
export const hasFolders = "showDirectoryPicker" in globalThis;

/** All files in one ZIP. Pictures are compressed already: they are stored as they are. */
export function zipOf(files: readonly File[]): Promise<Blob> {
  return downloadZip(unique(files)).blob();
}

/**
 * Writes the files into a folder that one chooses.
 *
 * @throws `AbortError` when none is chosen
 */
export async function saveIntoFolder(files: readonly File[]): Promise<void> {
  const folder = await (globalThis as FolderWindow).showDirectoryPicker?.({ mode: "readwrite" });
  if (!folder) return;
  for (const { name, input } of unique(files)) {
    const handle = await folder.getFileHandle(name, { create: true });
    await input.stream().pipeTo(await handle.createWritable());
  }
}

/** The files, each under a name of its own: photos of several folders may have the same. */
function unique(files: readonly File[]): { name: string; input: File }[] {
  const counts = new Map<string, number>();
  return files.map((input) => {
    const count = (counts.get(input.name) ?? 0) + 1;
    counts.set(input.name, count);
    const name = count === 1 ? input.name : input.name.replace(/(\.[^.]*)?$/, `-${count}$1`);
    return { name, input };
  });
}
