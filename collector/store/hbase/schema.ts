/**
 * Creates the namespace and its tables where missing. Safe in several processes at once: the second
 * one waits.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { FAMILIES, StoreUnavailable, TABLES, type TableName } from '../tables.ts';
import type { Gateway } from './thrift/gateway.ts';
import {
  BLOOM,
  createNamespace,
  createTable,
  DURABILITY,
  ENCODING,
  isTableAvailable,
  listNamespaces,
  type TColumnFamilyDescriptor,
  tableExists,
} from './thrift/idl.ts';
import { Refused } from './thrift/messages.ts';

export interface SchemaOptions {
  readonly namespace: string;
  /** Number of regions of a new salted table; HBase splits further by itself. */
  readonly regions: number;
  /** Milliseconds per table. */
  readonly deadlineMs: number;
}

/** Raw batches, and rows that were replaced, expire after 400 days. */
export const TTL_SECONDS = 400 * 86_400;
const EXPIRING: ReadonlySet<TableName> = new Set(['events', 'history']);

/**
 * The memstore of `events` is kept in segments of some 4,000 rows, each with the times of its
 * cells, so that a scan of what arrived lately passes over the others: among 300,000 rows of an
 * open hour it takes 90 ms of the region server's CPU, and 440 without. By default HBase merges
 * three segments, and then all of it is of this moment again.
 */
const SEGMENTS = {
  attributes: new Map([['IN_MEMORY_COMPACTION', 'BASIC']]),
  configuration: new Map([['hbase.hregion.compacting.pipeline.segments.limit', '30']]),
};

/** The tables with most of the traffic, whose keys begin with the salt. */
const SPLIT: ReadonlySet<TableName> = new Set(['events', 'rollups', 'due']);

const POLL_MS = 100;

export async function createSchema(gateway: Gateway, options: SchemaOptions): Promise<void> {
  const { namespace } = options;
  const exists = async () => (await gateway.call(listNamespaces, {}, 'namespaces')).includes(namespace);
  await createUnless(exists, () => gateway.call(createNamespace, { namespaceDesc: { name: namespace } }, namespace));
  for (const table of TABLES) await createOne(gateway, table, options);
}

async function createOne(gateway: Gateway, table: TableName, options: SchemaOptions): Promise<void> {
  const tableName = { ns: Buffer.from(options.namespace), qualifier: Buffer.from(table) };
  const subject = `${options.namespace}:${table}`;
  const { deadlineMs } = options;
  const deadline = AbortSignal.timeout(deadlineMs);
  const columns = FAMILIES[table].map((name) => family(table, name));
  const desc = { tableName, columns, durability: DURABILITY.fsyncWal };
  const args = SPLIT.has(table) ? { desc, splitKeys: saltSplits(options.regions) } : { desc };
  await createUnless(
    () => gateway.call(tableExists, { tableName }, subject),
    () => gateway.call(createTable, args, subject, deadlineMs),
  );
  while (!(await gateway.call(isTableAvailable, { tableName }, subject))) {
    if (deadline.aborted) throw new StoreUnavailable(`${subject} exists but was not available within ${deadlineMs} ms`);
    await delay(POLL_MS);
  }
}

/**
 * HBase does not reliably report that another process was faster, so existence is checked again.
 */
async function createUnless(exists: () => Promise<boolean>, create: () => Promise<void>): Promise<void> {
  if (await exists()) return;
  try {
    await create();
  } catch (fault) {
    if (!((fault as Error).cause instanceof Refused && (await exists()))) throw fault;
  }
}

function family(table: TableName, name: string): TColumnFamilyDescriptor {
  const descriptor = {
    name: Buffer.from(name),
    maxVersions: 1,
    bloomFilterType: BLOOM.row,
    dataBlockEncoding: ENCODING.fastDiff,
  };
  const expiring = EXPIRING.has(table) ? { ...descriptor, timeToLive: TTL_SECONDS } : descriptor;
  return table === 'events' ? { ...expiring, ...SEGMENTS } : expiring;
}

/** Keys that divide the 256 salts into equal shares. */
function saltSplits(regions: number): Uint8Array[] {
  return Array.from({ length: regions - 1 }, (_, i) => Uint8Array.of(Math.round(((i + 1) * 256) / regions)));
}
