/**
 * Preloaded (`--import …?file=PATH`) into a collector that rolls up: while the file is there, the
 * process stops itself (SIGSTOP) in the middle of a run, after it has read and folded, and before
 * it publishes. The file says how many cells it still makes before; it is removed when it stops.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

const file = new URL(import.meta.url).searchParams.get('file')!;
const compress = zlib.zstdCompressSync;
let made = 0;
zlib.zstdCompressSync = ((...args: Parameters<typeof compress>) => {
  if (!fs.existsSync(file)) made = 0;
  else if (made++ >= Number(fs.readFileSync(file, 'utf8'))) {
    fs.rmSync(file);
    process.kill(process.pid, 'SIGSTOP');
  }
  return compress(...args);
}) as typeof compress;
syncBuiltinESMExports();
