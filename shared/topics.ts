/** MQTT topics, version 1: `till/1/{merchant}/{terminal}/{channel}`. */
import { isId, type MerchantId, type TerminalId } from './ids.ts';

/** `batch` and `status` go from till to collector, `ack` and `ctl` from collector to till. */
export type Channel = 'batch' | 'status' | 'ack' | 'ctl';
export const UP: readonly Channel[] = ['batch', 'status'];
export const DOWN: readonly Channel[] = ['ack', 'ctl'];

const CHANNELS: ReadonlySet<string> = new Set<string>([...UP, ...DOWN]);

export const topic = (merchant: MerchantId, terminal: TerminalId, channel: Channel): string =>
  `till/1/${merchant}/${terminal}/${channel}`;

export interface TillTopic {
  readonly merchant: MerchantId;
  readonly terminal: TerminalId;
  readonly channel: Channel;
}

/**
 * Null for anything but exactly a topic of this version: wildcards, `$…`, other versions, invalid
 * ids.
 */
export function parseTopic(text: string): TillTopic | null {
  const [root, version, merchant, terminal, channel, rest] = text.split('/', 6);
  if (root !== 'till' || version !== '1' || rest !== undefined) return null;
  if (!isId(merchant) || !isId(terminal) || channel === undefined || !CHANNELS.has(channel)) return null;
  return { merchant: merchant as MerchantId, terminal: terminal as TerminalId, channel: channel as Channel };
}
