/** Batches within every format's bounds that cost far more than they weigh. */
import { randomBytes } from 'node:crypto';
import type { WireBatch } from '../../../../shared/wire/batch.ts';
import { compressed, type ForgedBody, forge, hourNow } from '../wire/forged-batch.ts';
import { randomEpoch } from '../wire/mqtt-session.ts';
import { type Attack, type AttackContext, NOTHING_BROKEN } from './attack.ts';
import { ask, ended, openSession, pause, sendAll, withSessions } from './sessions.ts';

export const ITEM_BOMB_EVENTS = 690;
const ITEMS_A_EVENT = 2_000;
const EVENT_BOMB_EVENTS = 5_000;
const ATTRS_CHARACTERS = 4_000;
/** The collector takes so many of a client at a time. */
export const UNDER_WAY = 16;
const EPOCHS = 24;
const CONNECTIONS = 10;
const ASK_EVERY_MS = 300;

/** 690 equal events of 2,000 equal items: 265 bytes on the wire, 4 MiB unpacked. */
export function itemBomb(): ForgedBody {
  const items = ITEM_BOMB_EVENTS * ITEMS_A_EVENT;
  const fill = (value: number): number[] => new Array<number>(items).fill(value);
  const strings = ['sale', 'INR', 's'];
  return compressed([strings, 0, 0, 0, 0, 1, 1, null, null, null, 0, [], [], ITEMS_A_EVENT, fill(2), fill(1), fill(1)]);
}

/** 5,000 equal events, of a text of their attrs if there is one. */
function eventBomb(attrs: string | null): ForgedBody {
  const strings = attrs === null ? ['sale', 'INR'] : ['sale', 'INR', attrs];
  return compressed([strings, 0, 0, 0, 0, 1, 1, null, null, attrs === null ? null : 2, 0, [], [], 0, [], [], []]);
}

function inEpochsOfTheirOwn(hour: number): WireBatch[] {
  const body = itemBomb();
  const claims = { firstSeq: 1, count: ITEM_BOMB_EVENTS, hour };
  return Array.from({ length: EPOCHS }, () => forge(body, { ...claims, epoch: randomEpoch() }));
}

/** Consecutive seqs of one stream, without end. */
export function* stream(body: ForgedBody, count: number, hour: number, epoch = randomEpoch()): Iterable<WireBatch> {
  for (let firstSeq = 1; ; firstSeq += count) yield forge(body, { epoch, firstSeq, count, hour });
}

function* again(batch: WireBatch): Iterable<WireBatch> {
  for (;;) yield batch;
}

async function sendEpochs(context: AttackContext, hour: number, signal: AbortSignal): Promise<void> {
  const session = await openSession(context);
  if (session !== null) await sendAll(session, inEpochsOfTheirOwn(hour), { underWay: UNDER_WAY }, signal);
}

async function repeat(context: AttackContext, signal: AbortSignal, body = itemBomb()): Promise<void> {
  const batch = forge(body, { epoch: randomEpoch(), firstSeq: 1, count: ITEM_BOMB_EVENTS, hour: hourNow() });
  await withSessions(context, signal, (session) => sendAll(session, again(batch), { underWay: UNDER_WAY }, signal));
}

const itemBombRollUp: Attack = {
  name: 'item-bomb-roll-up',
  exploits: '24 batches of 265 bytes, each in an epoch of its own, of an hour that has ended: the fold keeps them all',
  minuteTurns: 1,
  async run(context, signal) {
    await sendEpochs(context, hourNow() - 2, signal);
    await ended(signal);
    return NOTHING_BROKEN;
  },
};

const itemBombOpenHour: Attack = {
  name: 'item-bomb-open-hour',
  exploits: 'the same 24 batches in the open hour, and questions about it: each folds them all',
  async run(context, signal) {
    await sendEpochs(context, hourNow(), signal);
    while (!signal.aborted) {
      await Promise.race([ask(context, 'metrics', {}), ended(signal)]);
      await pause(ASK_EVERY_MS, signal);
    }
    return NOTHING_BROKEN;
  },
};

const itemBombRepeated: Attack = {
  name: 'item-bomb-repeated',
  exploits: 'one batch of 265 bytes again and again: each time 4 MiB are decoded',
  async run(context, signal) {
    await repeat(context, signal);
    return NOTHING_BROKEN;
  },
};

const itemBombTenConnections: Attack = {
  name: 'item-bomb-ten-connections',
  exploits: 'the same from ten sessions of one token',
  async run(context, signal) {
    // One for all: to make one takes a slow machine a second.
    const body = itemBomb();
    await Promise.all(Array.from({ length: CONNECTIONS }, () => repeat(context, signal, body)));
    return NOTHING_BROKEN;
  },
};

const eventBombs: Attack = {
  name: 'event-bomb',
  exploits: '5,000 events without anything in 90 bytes, new ones all the time',
  async run(context, signal) {
    const batches = stream(eventBomb(null), EVENT_BOMB_EVENTS, hourNow());
    await withSessions(context, signal, (session) => sendAll(session, batches, { underWay: UNDER_WAY }, signal));
    return NOTHING_BROKEN;
  },
};

const attrsBombs: Attack = {
  name: 'attrs-bomb',
  exploits: '5,000 events that share a text of 4 KB: 20 MB of answer from a few bytes; stored and asked for',
  async run(context, signal) {
    const body = eventBomb(JSON.stringify({ a: 'x'.repeat(ATTRS_CHARACTERS) }));
    const batches = stream(body, EVENT_BOMB_EVENTS, hourNow());
    const asking = async (): Promise<void> => {
      while (!signal.aborted) {
        await Promise.race([ask(context, 'events', { limit: '1000' }), ended(signal)]);
        await pause(ASK_EVERY_MS, signal);
      }
    };
    const sending = withSessions(context, signal, (session) => sendAll(session, batches, { underWay: 4 }, signal));
    await Promise.all([sending, asking(), asking()]);
    return NOTHING_BROKEN;
  },
};

const INVOICE_EVENTS = 14;
const SKUS = 2_000;

/** 14 invoices of 2,000 lines each, no two lines alike: some 100 KiB on the wire. */
function largeInvoices(): ForgedBody {
  const lines = INVOICE_EVENTS * ITEMS_A_EVENT;
  const random = randomBytes(lines * 4);
  const column = (of: (line: number) => number): number[] => Array.from({ length: lines }, (_, line) => of(line));
  const skus = column((line) => 2 + (random.readUInt16BE(line * 4) % SKUS));
  const prices = column((line) => 1 + random.readUInt16BE(line * 4 + 2));
  const strings = ['sale', 'INR', ...Array.from({ length: SKUS }, (_, sku) => `article-${sku}`)];
  const ones = column((line) => 1_000 * (1 + (line % 3)));
  return compressed([strings, 0, 1, 0, 0, 5_000, 1, null, null, null, 0, [], [], ITEMS_A_EVENT, skus, ones, prices]);
}

const invoices: Attack = {
  name: 'large-invoices',
  exploits: 'what an honest till may send, 2,000-line invoices by the 100 KiB, without a pause and from four sessions',
  async run(context, signal) {
    const body = largeInvoices();
    const flood = () =>
      withSessions(context, signal, (session) =>
        sendAll(session, stream(body, INVOICE_EVENTS, hourNow()), { underWay: UNDER_WAY }, signal),
      );
    await Promise.all(Array.from({ length: 4 }, flood));
    return NOTHING_BROKEN;
  },
};

export const EXPANDING_BATCHES: readonly Attack[] = [
  itemBombRollUp,
  itemBombOpenHour,
  itemBombRepeated,
  itemBombTenConnections,
  eventBombs,
  attrsBombs,
  invoices,
];
