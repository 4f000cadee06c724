/**
 * Preloaded (`--import …?file=PATH`): the process's wall clock is as far off as the file says at
 * its start, and its boot is another one: JSON of `hours` and `boot`. So a drill of three days
 * takes minutes.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const HOUR_MS = 3_600_000;

const file = new URL(import.meta.url).searchParams.get('file')!;
const read = fs.readFileSync;
const { hours, boot } = JSON.parse(read(file, 'utf8')) as { hours: number; boot: string };
const now = Date.now;
Date.now = () => now() + hours * HOUR_MS;
fs.readFileSync = ((path: string, ...rest: never[]) => (path === BOOT_ID ? boot : read(path, ...rest))) as typeof read;
syncBuiltinESMExports();
