/** Files of a backup: for their owner alone, and on disk before anything relies on them. */
import { mkdir, open } from 'node:fs/promises';

/** A backup holds the store's secrets: nobody else may read it. */
const [OWN_FILE, OWN_FOLDER] = [0o600, 0o700];

/** What the operator has to know of; the message says what to do. */
export class BackupFailed extends Error {
  override readonly name = 'BackupFailed';
}

export const makeFolder = (path: string): Promise<unknown> => mkdir(path, { recursive: true, mode: OWN_FOLDER });

/** An empty file in place of whatever was there. */
export const createFile = (path: string) => open(path, 'w', OWN_FILE);

/** Resolves when the text is on disk. */
export async function writeDurably(path: string, text: string, flags: 'w' | 'a' = 'w'): Promise<void> {
  const file = await open(path, flags, OWN_FILE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Resolves when the names of the folder's files are on disk. */
export async function syncFolder(path: string): Promise<void> {
  // Windows cannot open folders, and has no need to.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
