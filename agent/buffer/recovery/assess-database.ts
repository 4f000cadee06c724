/** Whether what a database says of itself can be believed, before anything is written to it. */
import type { Database } from 'better-sqlite3';
import { BufferRefusal } from '../disk/buffer-error.ts';
import type { SetAsideKind } from '../disk/set-aside-files.ts';
import { type HighWaterMark, isSettled } from '../high-water/high-water-mark.ts';
import { checkVersion, isOwnerSound, type Owner, readOwner, SCHEMA_VERSION, schemaVersion } from '../tables/schema.ts';
import { missingSeqs } from './missing-seqs.ts';

export type Assessment =
  | { readonly kind: 'sound' }
  /** Nothing in it yet. */
  | { readonly kind: 'empty' }
  | { readonly kind: SetAsideKind; readonly why: string };

/** Versions are counted up by one. */
const MAX_VERSION = 1_000;
const OUR_TABLES = ['meta', 'epochs', 'events', 'refs'];

const damaged = (why: string): Assessment => ({ kind: 'damaged', why });

/**
 * @param marks the side file, without what is being brought over anyway
 * @throws BufferRefusal when it is not for this agent; else where it can't be read, which may be damage too
 */
export function assess(db: Database, given: string, owner: Owner, marks: readonly HighWaterMark[]): Assessment {
  const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all();
  const version = schemaVersion(db);
  if (version < 0 || version > MAX_VERSION) return damaged('its version is not what was written');
  checkVersion(db, given);
  if (version === 0) {
    if (tables.length === 0) {
      const lost = marks.some((mark) => !isSettled(mark));
      return lost ? damaged('it is empty') : { kind: 'empty' };
    }
    if (OUR_TABLES.every((name) => tables.includes(name))) return damaged('its version is not what was written');
    throw new BufferRefusal(`${given}: is a database of another program: give another buffer.path`);
  }
  if (!OUR_TABLES.every((name) => tables.includes(name))) return damaged('tables are missing');
  if (!isOwnerSound(db)) return damaged('its owner is not what was written');
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
  return missingSeqs(db, marks).length === 0 ? { kind: 'sound' } : damaged('it lacks what was accepted last');
}
