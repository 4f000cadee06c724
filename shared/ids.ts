/**
 * Identifiers as branded strings that only the parsers here create: a merchant is not just any
 * string.
 */

declare const brand: unique symbol;
type Brand<T, B extends string> = T & { readonly [brand]: B };

export type MerchantId = Brand<string, 'merchant'>;
export type StoreId = Brand<string, 'store'>;
export type TerminalId = Brand<string, 'terminal'>;
/** One opening of an agent's buffer for writing: 64 random bits as 16 lower-case hex digits. */
export type Epoch = Brand<string, 'epoch'>;
/** `{terminal}.{epoch}`: the stream in which an event's seq is counted (within one merchant). */
export type StreamId = Brand<string, 'stream'>;

/**
 * Merchant, store and terminal ids. Never contains 0x00, '/', '+' or '#', so an id is safe in row
 * keys and topics.
 */
export const ID_PATTERN = '^[a-z0-9][a-z0-9_-]{0,63}$';
const ID = new RegExp(ID_PATTERN);
const EPOCH = /^[0-9a-f]{16}$/;

export const isId = (text: unknown): text is string => typeof text === 'string' && ID.test(text);

const isEpoch = (text: unknown): text is string => typeof text === 'string' && EPOCH.test(text);

const shown = (text: unknown): string => JSON.stringify(String(text).slice(0, 80));

function parsed<T extends string>(what: string, text: string): T {
  if (!isId(text)) throw new TypeError(`not a ${what} id (${ID_PATTERN}): ${shown(text)}`);
  return text as string as T;
}

/** @throws TypeError when the text is not an id. */
export const merchantId = (text: string): MerchantId => parsed('merchant', text);
/** @throws TypeError when the text is not an id. */
export const storeId = (text: string): StoreId => parsed('store', text);
/** @throws TypeError when the text is not an id. */
export const terminalId = (text: string): TerminalId => parsed('terminal', text);

/** @throws TypeError unless 16 lower-case hex digits. */
export function epoch(hex: string): Epoch {
  if (!isEpoch(hex)) throw new TypeError(`not an epoch (16 hex digits): ${shown(hex)}`);
  return hex as string as Epoch;
}

export const streamId = (terminal: TerminalId, of: Epoch): StreamId => `${terminal}.${of}` as StreamId;

/** @throws TypeError unless `{terminal}.{epoch}`. */
export function parseStreamId(text: string): { terminal: TerminalId; epoch: Epoch } {
  const dot = text.lastIndexOf('.');
  return { terminal: terminalId(text.slice(0, Math.max(dot, 0))), epoch: epoch(text.slice(dot + 1)) };
}
