/**
 * Initializes a store on first use: its tables, layout, digest key and generation, and the
 * dimensions of its logic version. Refuses a store of another layout.
 */
import { ConfigError } from '../../shared/config/parse-config.ts';
import { FIRST_LOGIC } from '../aggregation/logic/logic-version.ts';
import { Control } from './control.ts';
import { type LogicRecord, LogicVersions } from './logic-versions.ts';
import type { Tables } from './tables.ts';

export interface StoreIdentity {
  readonly storeGen: string;
  /** The version that is active for all merchants without an exception. */
  readonly logic: LogicRecord;
  /** Secret: whoever has it can make two batches of one name. */
  readonly digestKey: Uint8Array;
}

/**
 * Version of the layout of the store's rows: `docs/formats/store-keys.md`. In layout 1, before the
 * first release, a raw row's key ended in the CRC-32C of the batch's body.
 */
export const LAYOUT = 2;

/**
 * Safe to repeat, and to run concurrently.
 *
 * @param proposed becomes the store's if it has none
 * @throws ConfigError when the store has another layout, was initialized with other dimensions, or
 *   is restored only in part; StoreUnavailable
 */
export async function initializeStore(
  tables: Tables,
  dimensions: readonly string[],
  proposed: Pick<StoreIdentity, 'storeGen' | 'digestKey'>,
): Promise<StoreIdentity> {
  await tables.init();
  const control = new Control(tables);
  await refuseHalfRestored(control);
  refuseOther((await control.layout()) ?? (await control.recordLayout(LAYOUT)));
  const logic = await logicOf(new LogicVersions(tables), dimensions);
  const digestKey = await control.digestKey(proposed.digestKey);
  return { storeGen: await control.storeGen(proposed.storeGen), logic, digestKey };
}

/** @throws ConfigError when no logic version has these dimensions */
async function logicOf(versions: LogicVersions, dimensions: readonly string[]): Promise<LogicRecord> {
  await versions.create({ version: FIRST_LOGIC, rules: FIRST_LOGIC, dimensions, state: 'live' });
  const set = await versions.read();
  const active = set.record(set.active(null))!;
  const configured = dimensions.join(', ');
  const known = set.records.filter(({ state }) => state !== 'dropped').map((record) => record.dimensions.join(', '));
  if (known.includes(configured)) return active;
  throw new ConfigError(
    `dimensions: configured are [${configured}], but this store's figures are kept by [${active.dimensions.join(', ')}] (logic version ${active.version}). ` +
      'Configure those; other dimensions make a new logic version: "logic add", then "reprocess".',
  );
}

/**
 * For readers of the raw log that initialize nothing.
 *
 * @throws ConfigError when the store has another layout or is restored only in part;
 *   StoreUnavailable
 */
export async function checkLayout(control: Control): Promise<void> {
  await refuseHalfRestored(control);
  refuseOther((await control.layout()) ?? LAYOUT);
}

async function refuseHalfRestored(control: Control): Promise<void> {
  const restore = await control.restored();
  if (restore === null || restore.finishedAt !== null) return;
  throw new ConfigError(
    `store: the set ${restore.set} was put into it only in part: run "restore" again with the same folder; it goes on.`,
  );
}

function refuseOther(layout: number): void {
  if (layout === LAYOUT) return;
  throw new ConfigError(
    layout > LAYOUT
      ? `store: it was written by a newer release (layout ${layout}, this one knows ${LAYOUT}): use that release or a newer one.`
      : `store: it has layout ${layout}, from before the first release, and this release needs ${LAYOUT}. There is no way to convert it: configure a new store (another path, or another namespace).`,
  );
}
