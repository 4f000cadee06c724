/**
 * A process of its own, so that its peak is the decoder's: decodes the batch on standard input,
 * prints what that took as JSON.
 */
import { readFileSync } from 'node:fs';
import { decodeBatch } from '../../../shared/wire/batch.ts';

const message = readFileSync(0);
decodeBatch(message.subarray(0, 60));
const before = process.memoryUsage.rss();
const started = performance.now();
const decoded = decodeBatch(message);
const ms = performance.now() - started;
const mebibytes = process.resourceUsage().maxRSS / 1024 - before / 1024 ** 2;
console.log(JSON.stringify({ ok: decoded.ok, detail: decoded.ok ? null : decoded.detail, mebibytes, ms }));
