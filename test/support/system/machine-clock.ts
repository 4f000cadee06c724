/**
 * Preloaded (`--import …?file=PATH`): the process's wall clock is off by what the file says, at any time: JSON of `errorMs` and, to make the
 * next process one of another boot, `boot`.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

const file = new URL(import.meta.url).searchParams.get('file')!;
const read = fs.readFileSync;
const said = (): { errorMs: number; boot?: string } => JSON.parse(read(file, 'utf8'));
const now = Date.now;
Date.now = () => now() + said().errorMs;
fs.readFileSync = ((path: string, ...rest: never[]) =>
  path === BOOT_ID ? (said().boot ?? read(path, ...rest)) : read(path, ...rest)) as typeof read;
syncBuiltinESMExports();
