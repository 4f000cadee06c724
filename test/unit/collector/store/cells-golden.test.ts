import { Buffer } from 'node:buffer';
import t from 'tap';
import { Control } from '../../../../collector/store/control.ts';
import { DueMarks } from '../../../../collector/store/due-marks.ts';
import { EventLog } from '../../../../collector/store/event-log.ts';
import { Finality } from '../../../../collector/store/finality.ts';
import { LogicSet, LogicVersions } from '../../../../collector/store/logic-versions.ts';
import { Rollups } from '../../../../collector/store/rollups/rollups.ts';
import { SealedHours } from '../../../../collector/store/sealing/sealed-hours.ts';
import type { Column, Put, Row, TableName, Tables } from '../../../../collector/store/tables.ts';
import { Terminals } from '../../../../collector/store/terminals.ts';
import { epoch, merchantId, storeId, terminalId } from '../../../../shared/ids.ts';
import { encodeLoss } from '../../../../shared/wire/batch.ts';
import { DIGEST_KEY } from '../../../support/collector/raw-rows.ts';

// These cells are in the stores of others. Of some the bytes are compared by a later write (checkAndPut), so even the
// order of keys in a map must not change. docs/formats/store-keys.md describes them.

const text = (value: string): string => (0xa0 + value.length).toString(16) + Buffer.from(value).toString('hex');
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const squeezed = (golden: string): string => golden.replaceAll(/\s/g, '');

const MERCHANT = merchantId('acme');
const TERMINAL = terminalId('till-1');
const EPOCH = epoch('9f3c0000000000a1');
const AT = 1_795_339_740_000;
const AT_PACKED = 'cb427a202966360000';

/** What a call writes: table, row, cells, and the cell that is checked before; `found` is there. */
async function written(write: (tables: Tables) => Promise<unknown>, found: Row | null = null) {
  const seen: { table: TableName; row: string; cells: Record<string, string>; time?: number; check?: unknown }[] = [];
  const add = (table: TableName, { row, cells, time }: Put, check?: unknown): void => {
    const of = Object.fromEntries([...cells].map(([column, value]) => [column, hex(value)]));
    seen.push({
      table,
      row: hex(row),
      cells: of,
      ...(time !== undefined && { time }),
      ...(check !== undefined && { check }),
    });
  };
  const tables: Pick<Tables, 'put' | 'putIfAbsent' | 'checkAndPut' | 'get'> = {
    async put(table, puts) {
      for (const put of puts) add(table, put);
    },
    async checkAndPut(table, { column, expected }, put) {
      add(table, put, [column, expected === null ? null : hex(expected)]);
      return true;
    },
    async putIfAbsent(table, puts) {
      for (const put of puts) add(table, put);
      return puts.map(() => true);
    },
    async get() {
      return [found];
    },
  };
  await write(tables as Tables);
  return seen;
}

t.test('events: the batch as it came, at the time of its arrival', async (t) => {
  const loss = { reason: 'evicted', at: AT, detail: null };
  const { bytes, header } = encodeLoss({ epoch: EPOCH, firstSeq: 7, hour: 498_705, clearThrough: 0 }, 1_000, loss);
  const batch = { merchant: MERCHANT, terminal: TERMINAL, header, bytes, arrival: AT };
  const [row] = await written((tables) => new EventLog(tables, DIGEST_KEY).append([batch]));
  t.match(row, { table: 'events', cells: { 'b:batch': hex(bytes) }, time: AT });
  t.strictSame(Object.keys(row!.cells), ['b:batch']);
});

t.test('due: the terminals concerned', async (t) => {
  const mark = { minute: 498_705 * 60 + 62, merchant: MERCHANT, level: 'hour', time: 498_705 } as const;
  const terminals = [TERMINAL, terminalId('till-2')];
  const made = await written((tables) => new DueMarks(tables, () => '0102030405060708').add([{ ...mark, terminals }]));
  t.strictSame(made, [
    {
      table: 'due',
      row: 'c601c8943a61636d65000000079c110102030405060708',
      cells: { 'b:terminals': `92${text('till-1')}${text('till-2')}` },
    },
  ]);
});

t.test('terminals: the registration of a terminal, and the last status of an epoch', async (t) => {
  const registration = {
    merchant: MERCHANT,
    terminal: TERMINAL,
    store: storeId('s1'),
    state: 'active',
    tokens: [{ hash: 'abcd', expiresAt: null }],
    createdAt: AT,
  } as const;
  const registry = squeezed(`
    86 ${text('merchant')} ${text('acme')} ${text('terminal')} ${text('till-1')} ${text('store')} ${text('s1')}
    ${text('state')} ${text('active')}
    ${text('tokens')} 91 82 ${text('hash')} ${text('abcd')} ${text('expiresAt')} c0
    ${text('createdAt')} ${AT_PACKED}`);
  const row = 'c661636d650074696c6c2d31000000000000000000';
  t.strictSame(await written((tables) => new Terminals(tables).register(registration, null)), [
    { table: 'terminals', row, cells: { 'm:registry': registry }, check: ['m:registry', null] },
  ]);
  t.strictSame(await written((tables) => new Terminals(tables).register(registration, registration)), [
    { table: 'terminals', row, cells: { 'm:registry': registry }, check: ['m:registry', registry] },
  ]);

  const status = {
    merchant: MERCHANT,
    terminal: TERMINAL,
    epoch: EPOCH,
    lastSeen: AT,
    lastSeq: 43,
    pending: [[41, 43]] as const,
    clearThrough: 0,
    losses: 1,
    bufferBytes: 65_536,
    clockOffsetMs: -250,
    version: '0.1.0',
  };
  const presence = squeezed(`
    8b ${text('merchant')} ${text('acme')} ${text('terminal')} ${text('till-1')} ${text('epoch')} ${text(EPOCH)}
    ${text('lastSeen')} ${AT_PACKED} ${text('lastSeq')} 2b ${text('pending')} 91 92 29 2b
    ${text('clearThrough')} 00 ${text('losses')} 01 ${text('bufferBytes')} ce00010000
    ${text('clockOffsetMs')} d1ff06 ${text('version')} ${text('0.1.0')}`);
  t.strictSame(await written((tables) => new Terminals(tables).putStatuses([status])), [
    {
      table: 'terminals',
      row: 'c661636d650074696c6c2d31009f3c0000000000a1',
      cells: { 'm:presence': presence },
      time: AT,
    },
  ]);
});

t.test('terminals: what a terminal stored in a day', async (t) => {
  const usage = { day: 20_779, bytes: 65_536, events: 3 };
  t.strictSame(await written((tables) => new Terminals(tables).addUsage(MERCHANT, TERMINAL, usage)), [
    {
      table: 'terminals',
      row: 'c661636d650074696c6c2d31000000000000000000',
      cells: { 'm:usage': squeezed(`83 ${text('day')} cd512b ${text('bytes')} ce00010000 ${text('events')} 03`) },
      check: ['m:usage', null],
    },
  ]);
});

t.test('terminals: how far a merchant is final, and which hours were ever parked', async (t) => {
  const row = 'c661636d6500';
  const through = { through: AT, holes: [42] };
  const finality = squeezed(`82 ${text('through')} ${AT_PACKED} ${text('holes')} 91 2a`);
  t.strictSame(await written((tables) => new Finality(tables).write(MERCHANT, through, null)), [
    { table: 'terminals', row, cells: { 'm:finality': finality }, check: ['m:finality', null] },
  ]);
  const span = (isKnown: string, from: string, to: string): string =>
    squeezed(`83 ${text('isKnown')} ${isKnown} ${text('from')} ${from} ${text('to')} ${to}`);
  const found = (parked: Record<string, string>): Row => ({
    row: Buffer.from(row, 'hex'),
    cells: new Map(
      Object.entries({ 'm:finality': finality, ...parked }).map(([column, value]) => [
        column as Column,
        Buffer.from(value, 'hex'),
      ]),
    ),
    time: AT,
  });
  t.strictSame(await written((tables) => new Finality(tables).beginParked(MERCHANT), found({})), [
    { table: 'terminals', row, cells: { 'm:parked': span('c2', '00', '00') }, check: ['m:parked', null] },
  ]);
  const begun = span('c2', '2a', '2b');
  t.strictSame(
    await written((tables) => new Finality(tables).includeParked(MERCHANT, null), found({ 'm:parked': begun })),
    [{ table: 'terminals', row, cells: { 'm:parked': span('c3', '2a', '2b') }, check: ['m:parked', begun] }],
  );
});

t.test('control: API keys, the logic version, the generation of the store', async (t) => {
  const key = { merchant: MERCHANT, hash: 'abcd', createdAt: AT, revokedAt: null };
  const plain = (revokedAt: string): string =>
    squeezed(`
      84 ${text('merchant')} ${text('acme')} ${text('hash')} ${text('abcd')} ${text('createdAt')} ${AT_PACKED}
      ${text('revokedAt')} ${revokedAt}`);
  const row = '6b65790061626364';
  t.strictSame(await written((tables) => new Control(tables).addApiKey(key)), [
    { table: 'control', row, cells: { 'm:value': plain('c0') } },
  ]);
  t.strictSame(await written((tables) => new Control(tables).revokeApiKey(key, AT)), [
    { table: 'control', row, cells: { 'm:value': plain(AT_PACKED) }, check: ['m:value', plain('c0')] },
  ]);
  t.strictSame(await written((tables) => new Control(tables).storeGen('gen-1')), [
    {
      table: 'control',
      row: hex(Buffer.from('store\0generation')),
      cells: { 'm:value': text('gen-1') },
      check: ['m:value', null],
    },
  ]);
  t.strictSame(await written((tables) => new Control(tables).recordLayout(2)), [
    {
      table: 'control',
      row: hex(Buffer.from('store\0layout')),
      cells: { 'm:value': '02' },
      check: ['m:value', null],
    },
  ]);
  const digestKey = Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex');
  t.strictSame(await written((tables) => new Control(tables).digestKey(digestKey)), [
    {
      table: 'control',
      row: hex(Buffer.from('store\0digestKey')),
      cells: { 'm:value': `c410${hex(digestKey)}` },
      check: ['m:value', null],
    },
  ]);
  const logic = { version: 2, rules: 1, dimensions: ['method'], state: 'building' } as const;
  const record = [
    ...[`84 ${text('version')} 02 ${text('rules')} 01 ${text('dimensions')} 91 ${text('method')}`],
    ...[`${text('state')} ${text('building')}`],
  ].join(' ');
  t.strictSame(await written((tables) => new LogicVersions(tables).create(logic)), [
    {
      table: 'control',
      row: '6c6f6769630032',
      cells: { 'm:value': squeezed(record) },
      check: ['m:value', null],
    },
  ]);
  const activation = { at: 1, version: 2, merchants: [merchantId('acme')] };
  const list = `91 83 ${text('at')} 01 ${text('version')} 02 ${text('merchants')} 91 ${text('acme')}`;
  t.strictSame(await written((tables) => new LogicVersions(tables).activate(new LogicSet([], []), activation)), [
    {
      table: 'control',
      row: hex(Buffer.from('active\0logic')),
      cells: { 'm:value': squeezed(list) },
      check: ['m:value', null],
    },
  ]);
});

t.test('control: what came for a sealed hour', async (t) => {
  const late = { merchant: MERCHANT, hour: 498_000, sealedAt: AT, batches: 1, events: 3 };
  const record = (batches: string, events: string): string =>
    squeezed(`
      85 ${text('merchant')} ${text('acme')} ${text('hour')} ce00079950 ${text('sealedAt')} ${AT_PACKED}
      ${text('batches')} ${batches} ${text('events')} ${events}`);
  const row = hex(Buffer.from('sealed\0acme/0000498000'));
  t.strictSame(await written((tables) => new SealedHours(tables).note(late)), [
    { table: 'control', row, cells: { 'm:value': record('01', '03') }, check: ['m:value', null] },
  ]);
  const found: Row = {
    row: Buffer.from(row, 'hex'),
    cells: new Map<Column, Uint8Array>([['m:value', Buffer.from(record('01', '03'), 'hex')]]),
    time: AT,
  };
  const more = { ...late, batches: 2, events: 5 };
  t.strictSame(await written((tables) => new SealedHours(tables).note(more), found), [
    { table: 'control', row, cells: { 'm:value': record('02', '05') }, check: ['m:value', record('01', '03')] },
  ]);
});

t.test('rollups: revision, meta, a cell a terminal, a cell a view; or a sole partial', async (t) => {
  const meta = {
    readAt: AT,
    publishedAt: AT,
    rows: 2,
    digest: '0123456789abcdef',
    earliestArrival: AT,
    events: 3,
    conflicts: 0,
    lost: 1,
    overflow: 0,
    allReadAt: AT,
  };
  const next = {
    meta,
    parts: new Map([[TERMINAL, Uint8Array.of(1)]]),
    views: new Map([
      ['total', Uint8Array.of(2)],
      ['articles', Uint8Array.of(3)],
    ]),
  };
  const key = { merchant: MERCHANT, level: 'hour', logic: 1, time: 498_705 } as const;
  t.strictSame(await written((tables) => new Rollups(tables).publish(key, 6, next)), [
    {
      table: 'rollups',
      row: 'c661636d650000000100079c11',
      cells: {
        'm:revision': '00000007',
        'm:meta': squeezed(`
          8a ${text('readAt')} ${AT_PACKED} ${text('publishedAt')} ${AT_PACKED} ${text('rows')} 02
          ${text('digest')} ${text('0123456789abcdef')} ${text('earliestArrival')} ${AT_PACKED}
          ${text('events')} 03 ${text('conflicts')} 00 ${text('lost')} 01 ${text('overflow')} 00
          ${text('allReadAt')} ${AT_PACKED}`),
        'p:till-1': '01',
        'v:total': '02',
        'v:articles': '03',
      },
      check: ['m:revision', '00000006'],
    },
  ]);
  const sole = Uint8Array.of(1);
  const short = { ...meta, publishedAt: AT + 25, since: AT + 24, earliestArrival: AT - 2_000 };
  const row = { ...next, meta: short, sole };
  const [put] = await written((tables) => new Rollups(tables).publish(key, 6, row));
  t.strictSame(put!.cells, {
    'm:revision': '00000007',
    'm:meta': squeezed(`9c 01 ${AT_PACKED} 19 00 ff c408 0123456789abcdef 02 03 00 01 d1f830 c0`),
    'p:till-1': 'c0',
    'm:sole': '01',
  });
});
