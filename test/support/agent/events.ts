/** Events as tills send them, and as they are stored, for the agent's tests. */
import assert from 'node:assert/strict';
import type { TillEvent } from '../../../shared/event/event.ts';
import { parseEvent } from '../../../shared/event/parse.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';

export const MERCHANT = merchantId('acme');
export const TERMINAL = terminalId('till-1');
/** 2026-11-22T10:15:00Z */
export const NOW = Date.UTC(2026, 10, 22, 10, 15);

export const sale = (ref: string, more: Record<string, unknown> = {}): Record<string, unknown> => ({
  type: 'sale',
  amount: 1299,
  currency: 'EUR',
  ref,
  items: [{ sku: 'A1', qty: 2, price: 500 }],
  ...more,
});

/** @param now the `ts` of an event that has none @param wrongClock what a machine's wrong clock shows */
export function parsed(input: unknown, now = NOW, wrongClock?: number): TillEvent {
  const result = parseEvent(input, { now, store: null, wrongClock });
  assert(result.ok, JSON.stringify(result));
  return result.event;
}
