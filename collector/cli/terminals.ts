/**
 * `terminals add | list | quota | revoke | retire`: who may connect to the broker, and what a
 * terminal may store in a day. A token is shown once; the store keeps only its hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import { merchantId, storeId, terminalId } from '../../shared/ids.ts';
import { minuteOf } from '../../shared/time.ts';
import type { Registration, TokenRecord } from '../store/terminals.ts';
import { type Command, type CommandContext, CommandFailed, parsed, UsageError, withStore } from './command.ts';

const TOKEN_PREFIX = 'tst_';
/** Long enough to install the new token on the till. */
const GRACE_HOURS = 24;
const HOUR_MS = 3_600_000;

const merchantOption = { merchant: { type: 'string' } } as const;
const terminalOptions = { ...merchantOption, terminal: { type: 'string' } } as const;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

/** The newest token stays valid for the grace period; older ones expire now. */
function outgoing({ state, tokens }: Registration, now: number, graceMs: number): TokenRecord[] {
  const [latest] = tokens;
  if (state !== 'active' || latest === undefined || graceMs === 0) return [];
  const expiresAt = Math.min(latest.expiresAt ?? Number.POSITIVE_INFINITY, now + graceMs);
  return expiresAt > now ? [{ hash: latest.hash, expiresAt }] : [];
}

function graceMs({ given }: CommandContext): number {
  const text = given['grace-hours'];
  if (text === undefined) return GRACE_HOURS * HOUR_MS;
  const hours = Number(text);
  if (!Number.isFinite(hours) || hours < 0 || text === '')
    throw new UsageError('--grace-hours: give a number of hours, 0 or more');
  if (given.rotate !== true) throw new UsageError('--grace-hours goes with --rotate');
  return hours * HOUR_MS;
}

export const addTerminal: Command = {
  name: 'terminals add',
  summary: 'registers a terminal and prints its token',
  options: {
    ...terminalOptions,
    store: { type: 'string' },
    rotate: { type: 'boolean' },
    'grace-hours': { type: 'string' },
  },
  help: [
    '--merchant M       the merchant; needs no registration of its own',
    '--terminal T       the terminal',
    '--store S          the store it stands in',
    '--rotate           gives an existing terminal a new token; the previous one stays valid for 24 hours',
    '--grace-hours N    with --rotate: for N hours instead; 0 revokes it at once',
  ],
  examples: [
    'terminals add --merchant acme --terminal till-1 --store london --config config/collector.yaml',
    'terminals add --merchant acme --terminal till-1 --rotate --grace-hours 0 --json --config config/collector.yaml',
  ],
  async run(context) {
    const { given, now } = context;
    const merchant = parsed(given, 'merchant', merchantId);
    const terminal = parsed(given, 'terminal', terminalId);
    const store = given.store === undefined ? null : parsed(given, 'store', storeId);
    const grace = graceMs(context);
    const token = TOKEN_PREFIX + randomBytes(32).toString('base64url');
    await withStore(context, async ({ terminals }) => {
      const before = await terminals.registration(merchant, terminal);
      if (before !== null && given.rotate !== true)
        throw new CommandFailed(`${merchant}/${terminal} exists: give --rotate for a new token`);
      const registration: Registration = {
        merchant,
        terminal,
        store: store ?? before?.store ?? null,
        state: 'active',
        tokens: [{ hash: sha256(token), expiresAt: null }, ...(before === null ? [] : outgoing(before, now(), grace))],
        createdAt: before?.createdAt ?? now(),
        ...(before?.quotas !== undefined && { quotas: before.quotas }),
      };
      if (!(await terminals.register(registration, before)))
        throw new CommandFailed(`${merchant}/${terminal} was changed by somebody else at the same time: try again`);
    });
    const text = `${token}\n\nThis is the token of ${merchant}/${terminal}. It is not shown again.`;
    return { json: { merchant, terminal, token }, text };
  },
};

export const listTerminals: Command = {
  name: 'terminals list',
  summary: "lists a merchant's terminals",
  options: merchantOption,
  help: ['--merchant M       the merchant'],
  examples: ['terminals list --merchant acme --config config/collector.yaml'],
  async run(context) {
    const merchant = parsed(context.given, 'merchant', merchantId);
    const now = context.now();
    const terminals = await withStore(context, async (stores) => {
      const found = [];
      for await (const { registration, terminal, epochs } of stores.terminals.list(merchant)) {
        if (registration === null) continue;
        const { store, state, createdAt, tokens } = registration;
        const valid = tokens.filter(({ expiresAt }) => expiresAt === null || expiresAt > now).length;
        const lastSeen = epochs.reduce<number | null>((last, epoch) => Math.max(last ?? 0, epoch.lastSeen), null);
        found.push({
          terminal,
          store,
          state,
          tokens: state === 'active' ? valid : 0,
          createdAt: iso(createdAt),
          ...(registration.quotas !== undefined && { quotas: registration.quotas }),
          lastSeen: iso(lastSeen),
        });
      }
      return found;
    });
    const lines = terminals.map(({ terminal, store, state, lastSeen }) =>
      [terminal, store ?? '-', state, `last seen ${lastSeen ?? 'never'}`].join('  '),
    );
    return { json: { merchant, terminals }, text: lines.join('\n') || `${merchant} has no terminals` };
  },
};

/** @throws UsageError */
function quotaOf({ given }: CommandContext, option: string): number | null {
  if (given[option] === undefined) return null;
  return parsed(given, option, (text) => {
    const number = Number(text);
    if (!Number.isSafeInteger(number) || number < 1) throw new Error('give a whole number from 1');
    return number;
  });
}

export const setQuota: Command = {
  name: 'terminals quota',
  summary: 'sets what a terminal may store in a UTC day, in place of ingest.quotas; without numbers: as configured',
  options: { ...terminalOptions, 'bytes-per-day': { type: 'string' }, 'events-per-day': { type: 'string' } },
  help: [
    '--merchant M       the merchant',
    '--terminal T       the terminal',
    '--bytes-per-day N  bytes of its batches, each with 256 for its row',
    '--events-per-day N its events, and the seqs that its loss records name',
  ],
  examples: [
    'terminals quota --merchant acme --terminal till-1 --events-per-day 50000000 --config config/collector.yaml',
  ],
  async run(context) {
    const merchant = parsed(context.given, 'merchant', merchantId);
    const terminal = parsed(context.given, 'terminal', terminalId);
    const bytesPerDay = quotaOf(context, 'bytes-per-day');
    const eventsPerDay = quotaOf(context, 'events-per-day');
    const quotas = {
      ...(bytesPerDay !== null && { bytesPerDay }),
      ...(eventsPerDay !== null && { eventsPerDay }),
    };
    await withStore(context, async ({ terminals }) => {
      const before = await terminals.registration(merchant, terminal);
      if (before === null) throw new CommandFailed(`${merchant}/${terminal} is not registered`);
      const { quotas: _, ...registration } = before;
      const next = Object.keys(quotas).length === 0 ? registration : { ...registration, quotas };
      if (!(await terminals.register(next, before)))
        throw new CommandFailed(`${merchant}/${terminal} was changed by somebody else at the same time: try again`);
    });
    const { bytesPerDay: bytes, eventsPerDay: events } = { ...context.config.ingest.quotas, ...quotas };
    return {
      json: { merchant, terminal, quotas },
      text: `${merchant}/${terminal} may store ${bytes} bytes and ${events} events in a UTC day`,
    };
  },
};

export const revokeTerminal: Command = {
  name: 'terminals revoke',
  summary: 'revokes all tokens of a terminal; its open connection is closed within a minute',
  options: terminalOptions,
  help: ['--merchant M       the merchant', '--terminal T       the terminal'],
  examples: ['terminals revoke --merchant acme --terminal till-1 --config config/collector.yaml'],
  async run(context) {
    const merchant = parsed(context.given, 'merchant', merchantId);
    const terminal = parsed(context.given, 'terminal', terminalId);
    await withStore(context, async ({ terminals }) => {
      const before = await terminals.registration(merchant, terminal);
      if (before === null) throw new CommandFailed(`${merchant}/${terminal} is not registered`);
      if (!(await terminals.register({ ...before, state: 'revoked' }, before)))
        throw new CommandFailed(`${merchant}/${terminal} was changed by somebody else at the same time: try again`);
    });
    return {
      json: { merchant, terminal, state: 'revoked' },
      text: `${merchant}/${terminal} is revoked. "terminals add --rotate" lets it in again, with a new token.`,
    };
  },
};

export const retireTerminal: Command = {
  name: 'terminals retire',
  summary: 'revokes a terminal of which nothing more is expected: no figures wait for it any longer',
  options: terminalOptions,
  help: [
    '--merchant M       the merchant',
    '--terminal T       the terminal',
    '',
    'What it sold and never sent is missing from figures that become final. Otherwise a silent',
    'terminal is waited for during seven days.',
  ],
  examples: ['terminals retire --merchant acme --terminal till-1 --config config/collector.yaml'],
  async run(context) {
    const merchant = parsed(context.given, 'merchant', merchantId);
    const terminal = parsed(context.given, 'terminal', terminalId);
    await withStore(context, async ({ terminals, marks }) => {
      const before = await terminals.registration(merchant, terminal);
      if (before === null) throw new CommandFailed(`${merchant}/${terminal} is not registered`);
      if (!(await terminals.register({ ...before, state: 'retired', tokens: [] }, before)))
        throw new CommandFailed(`${merchant}/${terminal} was changed by somebody else at the same time: try again`);
      await marks.add([{ minute: minuteOf(context.now()) + 1, merchant, level: 'finality', time: 0, terminals: [] }]);
    });
    return {
      json: { merchant, terminal, state: 'retired' },
      text: `${merchant}/${terminal} is retired. "terminals add --rotate" lets it in again, with a new token.`,
    };
  },
};

const iso = <T extends number | null>(ms: T): string | null => (ms === null ? null : new Date(ms).toISOString());
