/**
 * `keys add | list | revoke`: who may query the API. A key is shown once; the store keeps only its
 * hash.
 */
import { createHash, randomBytes } from 'node:crypto';
import { merchantId } from '../../shared/ids.ts';
import type { ApiKey, Control } from '../store/control.ts';
import { type Command, CommandFailed, parsed, required, UsageError, withStore } from './command.ts';

const KEY_PREFIX = 'tsk_';
/** Leading digits of a key's hash that identify it; a prefix of several keys is refused. */
const ID_DIGITS = 12;

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const idOf = ({ hash }: ApiKey): string => hash.slice(0, ID_DIGITS);

export const addKey: Command = {
  name: 'keys add',
  summary: "creates an API key for a merchant's figures and prints it",
  options: { merchant: { type: 'string' } },
  help: ['--merchant M       the merchant; needs no registration of its own'],
  examples: ['keys add --merchant acme --json --config config/collector.yaml'],
  async run(context) {
    const merchant = parsed(context.given, 'merchant', merchantId);
    const key = KEY_PREFIX + randomBytes(32).toString('base64url');
    const record = { merchant, hash: sha256(key), createdAt: context.now(), revokedAt: null };
    await withStore(context, ({ control }) => control.addApiKey(record));
    const text = `${key}\n\nThis is an API key of ${merchant}, with the id ${idOf(record)}. It is not shown again.`;
    return { json: { merchant, key }, text };
  },
};

export const listKeys: Command = {
  name: 'keys list',
  summary: 'lists API keys by their ids',
  options: { merchant: { type: 'string' } },
  help: ['--merchant M       of this merchant only'],
  examples: ['keys list --merchant acme --config config/collector.yaml'],
  async run(context) {
    const merchant = context.given.merchant === undefined ? null : parsed(context.given, 'merchant', merchantId);
    const keys = await withStore(context, async ({ control }) => {
      const found = [];
      for await (const key of control.apiKeys()) {
        if (merchant !== null && key.merchant !== merchant) continue;
        found.push({
          id: idOf(key),
          merchant: key.merchant,
          createdAt: iso(key.createdAt),
          revokedAt: iso(key.revokedAt),
        });
      }
      return found;
    });
    const lines = keys.map(
      ({ id, merchant, revokedAt }) => `${id}  ${merchant}  ${revokedAt === null ? 'active' : `revoked ${revokedAt}`}`,
    );
    return { json: { keys }, text: lines.join('\n') || 'there are no API keys' };
  },
};

export const revokeKey: Command = {
  name: 'keys revoke',
  summary: 'revokes an API key; it may be accepted for some seconds more',
  options: { id: { type: 'string' }, key: { type: 'string' } },
  help: ['--id ID            the id that `keys list` shows', '--key KEY          or the key itself'],
  examples: ['keys revoke --id 1f0c9a7be210 --config config/collector.yaml'],
  async run(context) {
    const { given, now } = context;
    if ((given.id === undefined) === (given.key === undefined))
      throw new UsageError('give --id or --key, one of the two');
    const key = await withStore(context, async ({ control }) => {
      const found =
        given.key === undefined
          ? await byId(control, required(given, 'id'))
          : await control.apiKey(sha256(required(given, 'key')));
      if (found === null) throw new CommandFailed('there is no such API key: `keys list` shows them');
      if (found.revokedAt === null && !(await control.revokeApiKey(found, now())))
        throw new CommandFailed('the API key was changed by somebody else at the same time: try again');
      return found;
    });
    return {
      json: { id: idOf(key), merchant: key.merchant, revoked: true },
      text: `the API key ${idOf(key)} of ${key.merchant} is revoked`,
    };
  },
};

async function byId(control: Control, id: string): Promise<ApiKey | null> {
  if (!/^[0-9a-f]{8,64}$/.test(id)) throw new UsageError('--id: give at least 8 hex digits, as `keys list` shows them');
  const found: ApiKey[] = [];
  for await (const key of control.apiKeys()) if (key.hash.startsWith(id)) found.push(key);
  if (found.length > 1) throw new CommandFailed(`${found.length} API keys begin with ${id}: give --key instead`);
  return found[0] ?? null;
}

const iso = (ms: number | null): string | null => (ms === null ? null : new Date(ms).toISOString());
