/** Builds a Debian package from a folder with dpkg-deb. The same folder gives the same bytes. */
import { spawnSync } from 'node:child_process';

export interface DebOptions {
  /** Contains `DEBIAN/` and the files to install. */
  readonly root: string;
  readonly file: string;
  /** Latest modification time of files in it, seconds since 1970. */
  readonly epoch: number;
  /** Compression level of xz, 0 (fast) to 9 (small). */
  readonly level: number;
}

/** @throws Error with the command's message, or a line that says how to install it */
export function buildDeb({ root, file, epoch, level }: DebOptions): void {
  const args = ['-Zxz', `-z${level}`, '--root-owner-group', '--build', root, file];
  const { status, error, stderr } = spawnSync('dpkg-deb', args, {
    encoding: 'utf8',
    env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
  });
  if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    throw new Error('dpkg-deb is missing: it is part of Debian and Ubuntu (elsewhere: install the package dpkg)');
  }
  if (status !== 0) throw new Error(`dpkg-deb failed: ${error?.message ?? stderr.trim()}`);
}
