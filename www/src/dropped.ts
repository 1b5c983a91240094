/** What a folder may hold that is of interest here, by name. */
const PHOTO = /^[^.].*\.(png|jpe?g|jfif|webp|tiff?|bmp|gif|avif|heic|heif)$/i;

/** The files that were dropped, and the photos of the folders among them, by name. */
export async function droppedFiles({ items }: DataTransfer): Promise<File[]> {
  // All of this at once: what was dropped is gone when the event is over.
  const roots = [...items].map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const files: File[] = [];
  for (const root of roots) {
    if (root instanceof File) files.push(root);
    else if (root && isFile(root)) files.push(await fileOf(root));
    else if (root) files.push(...(await photosIn(root as FileSystemDirectoryEntry)));
  }
  return files;
}

async function photosIn(folder: FileSystemDirectoryEntry): Promise<File[]> {
  const photos: File[] = [];
  for (const entry of await entriesOf(folder)) {
    if (!isFile(entry)) photos.push(...(await photosIn(entry as FileSystemDirectoryEntry)));
    else if (PHOTO.test(entry.name)) photos.push(await fileOf(entry));
  }
  return photos;
}

/** All entries, in order: a reader gives them in portions, the last of which is empty. */
async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => {
      reader.readEntries(resolve, reject);
    });
    if (portion.length === 0)
      return all.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    all.push(...portion);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => {
    entry.file(resolve, reject);
  });
}
