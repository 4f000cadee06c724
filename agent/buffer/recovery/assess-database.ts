/** Assesses a database before anything is written to it: sound, empty, or to be recovered. */
import type { Database } from 'better-sqlite3';
import { BufferRefusal } from '../disk/buffer-error.ts';
import type { SetAsideKind } from '../disk/set-aside-files.ts';
import { type HighWaterMark, isSettled } from '../high-water/high-water-mark.ts';
import { checkVersion, isOwnerSound, type Owner, readOwner, SCHEMA_VERSION, schemaVersion } from '../tables/schema.ts';
import { missingSeqs } from './missing-seqs.ts';
import { lacksPending } from './unlisted-pending.ts';

export type Assessment =
  | { readonly kind: 'sound' }
  /** It has no tables yet. */
  | { readonly kind: 'empty' }
  | { readonly kind: SetAsideKind; readonly why: string };

/** Versions are numbered one by one: a higher one is damage. */
const MAX_VERSION = 1_000;
const OUR_TABLES = ['meta', 'epochs', 'events', 'refs'];

const damaged = (why: string): Assessment => ({ kind: 'damaged', why });

/**
 * @param marks of the side file, without epochs that are being recovered
 * @throws BufferRefusal when the file is not for this agent; else when it cannot be read, which may
 * be damage
 */
export function assess(db: Database, given: string, owner: Owner, marks: readonly HighWaterMark[]): Assessment {
  const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  const version = schemaVersion(db);
  if (version < 0 || version > MAX_VERSION) return damaged('its schema version is damaged');
  checkVersion(db, given);
  if (version === 0) {
    if (tables.length === 0) {
      const lost = marks.some((mark) => !isSettled(mark));
      return lost ? damaged('it is empty') : { kind: 'empty' };
    }
    if (OUR_TABLES.every((name) => tables.includes(name))) return damaged('its schema version is damaged');
    throw new BufferRefusal(`${given}: is a database of another program: give another buffer.path`);
  }
  if (!OUR_TABLES.every((name) => tables.includes(name))) return damaged('tables are missing');
  if (!isOwnerSound(db)) return damaged('its owner is damaged');
  const { merchant, terminal } = readOwner(db);
  if (merchant !== owner.merchant || terminal !== owner.terminal) {
    throw new BufferRefusal(
      `${given}: the buffer belongs to ${merchant}/${terminal}, the configuration says ${owner.merchant}/${owner.terminal}: ` +
        'let it drain under its old name, or give another buffer.path',
    );
  }
  if (version < SCHEMA_VERSION) {
    const verdict = db.pragma('quick_check(1)', { simple: true });
    return verdict === 'ok' ? { kind: 'migrating', why: `schema ${version}` } : damaged(String(verdict));
  }
  if (missingSeqs(db, marks).length > 0) return damaged('its latest events are missing');
  return lacksPending(db, marks) ? damaged('an index lacks pending events') : { kind: 'sound' };
}
