/** `zstd --train`, the dictionary trainer in Debian's package zstd. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** @throws Error with a message for the user of the script */
export function train(samples: readonly Uint8Array[], id: number, bytes: number): Buffer {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'tillstream-dictionary-'));
  try {
    const files = samples.map((sample, at) => {
      const file = path.join(folder, `${at}.sample`);
      writeFileSync(file, sample);
      return file;
    });
    // As a list file, because the order of a folder's files varies and the dictionary depends on
    // it.
    const list = path.join(folder, 'list');
    writeFileSync(list, `${files.join('\n')}\n`);
    const out = path.join(folder, 'dictionary');
    const { error, status, stderr } = spawnSync(
      'zstd',
      ['--train', '-q', '--filelist', list, '-o', out, `--maxdict=${bytes}`, `--dictID=${id}`],
      { encoding: 'utf8' },
    );
    if ((error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT')
      throw new Error('the command zstd is missing: install it (Debian: apt-get install zstd)');
    if (error !== undefined || status !== 0) throw new Error(`zstd --train failed: ${error?.message ?? stderr.trim()}`);
    return readFileSync(out);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
