/** Sends a till's history to its agent. */
import type { Till } from '../clients/till.ts';
import { type HistorySettings, history } from '../simulate/history.ts';

const EVENTS_A_POST = 250;

/**
 * Posts a till's past days to its agent.
 *
 * @returns number of events; a repeat gives duplicates, which are not counted twice
 */
export async function sendHistory(till: Till, settings: HistorySettings, signal: AbortSignal): Promise<number> {
  const events = [...history(settings)];
  for (let at = 0; at < events.length; at += EVENTS_A_POST)
    await till.send(events.slice(at, at + EVENTS_A_POST), signal);
  return events.length;
}
