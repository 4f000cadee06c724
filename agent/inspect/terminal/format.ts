/** Formats numbers and times for people. */
import { HOUR_MS, MINUTE_MS } from '../../../shared/time.ts';

export const iso = (ms: number): string => new Date(ms).toISOString();

/** `2026-11-22 10:15:00Z`; values outside the calendar are returned as numbers. */
export const instant = (ms: number): string =>
  Number.isFinite(ms) && Math.abs(ms) <= 8.64e15 ? `${iso(ms).slice(0, 19).replace('T', ' ')}Z` : String(ms);

export const number = (value: number): string => value.toLocaleString('en');

/** `1 event`, `1,234 events`. */
export const count = (value: number, one: string, many = `${one}s`): string =>
  `${number(value)} ${value === 1 ? one : many}`;

export function size(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10)));
  const value = bytes / 1024 ** power;
  return `${power === 0 ? value : value.toFixed(1)} ${units[power]}`;
}

/** Formats a duration in its largest sensible unit: `3 hours`, `41 days`. */
export function span(ms: number): string {
  const minutes = Math.floor(ms / MINUTE_MS);
  if (minutes < 2) return 'a minute';
  if (minutes < 120) return `${minutes} minutes`;
  const hours = Math.floor(ms / HOUR_MS);
  return hours < 48 ? `${hours} hours` : `${number(Math.floor(hours / 24))} days`;
}

/** Age of something of which only the hour is known. @param ms since the start of that hour */
export function hourAgo(ms: number): string {
  if (ms < 0) return `in ${span(-ms)}`;
  if (ms < HOUR_MS) return 'this hour';
  return ms < 2 * HOUR_MS ? 'last hour' : `${span(ms)} ago`;
}
