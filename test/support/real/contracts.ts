/** Contracts on a real HBase, each in a namespace of its own. */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { openHBaseTables } from '../../../collector/store/hbase/hbase-tables.ts';
import type { Tables } from '../../../collector/store/tables.ts';
import { sharedHBase } from './hbase.ts';

export interface Place {
  readonly kind: 'hbase';
  readonly host: string;
  readonly port: number;
  readonly namespace: string;
}

/** @param place of the store that `open` opens */
export type Contract = (t: Test, open: () => Promise<Tables>, place: Place) => Promise<void>;

export const freshNamespace = (): string => `test_${randomBytes(4).toString('hex')}`;

/** A contract of stores that nobody has used: each that is opened is another one. */
export const ofNewStores =
  (contract: (t: Test, open: () => Promise<Tables>) => Promise<void>): Contract =>
  (t, _open, place) =>
    contract(t, async () => openHBaseTables({ ...place, namespace: freshNamespace() }));

export async function keepContracts(t: Test, contracts: Readonly<Record<string, Contract>>): Promise<void> {
  const hbase = await sharedHBase(t);
  if (hbase === null) return;
  for (const [name, contract] of Object.entries(contracts)) {
    await t.test(`HBase keeps the contract of ${name}`, async (t) => {
      const place = { kind: 'hbase', host: hbase.host, port: hbase.port, namespace: freshNamespace() } as const;
      await contract(t, async () => openHBaseTables(place), place);
    });
  }
}
