/** Logs errors of requests, at most one a second: while the store is away each has one. */
import type { Logger } from 'pino';

const EVERY_MS = 1_000;

/**
 * @param clock monotonic, milliseconds
 * @returns logs an error with how many before it were not logged
 */
export function limitedErrors(log: Pick<Logger, 'error'>, message: string, clock: () => number) {
  let next = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return (error: Error): void => {
    if (clock() < next) {
      suppressed++;
      return;
    }
    log.error(suppressed === 0 ? { err: error } : { err: error, suppressed }, message);
    next = clock() + EVERY_MS;
    suppressed = 0;
  };
}
