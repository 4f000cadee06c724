import { Buffer } from 'node:buffer';
import t from 'tap';
import {
  type AckEnvelope,
  decodeAcks,
  decodeStatus,
  encodeAcks,
  encodeStatus,
  type Status,
} from '../../../../shared/wire/messages.ts';

// Agents and collectors of other versions read these bytes. docs/formats/wire-batch.md describes them.

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
const hex = (message: Uint8Array): string => Buffer.from(message).toString('hex');
const text = (value: string): string => (0xa0 + value.length).toString(16) + Buffer.from(value).toString('hex');

const ACKS: AckEnvelope = {
  acks: [
    { stream: 'till-1.9f3c0000000000a1', first: 41, last: 43, sum: 0xdeadbeef, result: 'stored' },
    {
      stream: 'till-1.9f3c0000000000a1',
      first: 44,
      last: 44,
      sum: 1,
      result: 'busy',
      reason: 'full',
      retryAfterMs: 1_500,
    },
  ],
  credit: 0.5,
  serverTime: 1_795_339_740_000,
  storeGen: 'gen-1',
};

t.test('an envelope of acks', async (t) => {
  const golden = bytes(`
    84 ${text('acks')} 92
      85 ${text('stream')} ${text('till-1.9f3c0000000000a1')} ${text('first')} 29 ${text('last')} 2b
         ${text('sum')} cedeadbeef ${text('result')} ${text('stored')}
      87 ${text('stream')} ${text('till-1.9f3c0000000000a1')} ${text('first')} 2c ${text('last')} 2c
         ${text('sum')} 01 ${text('result')} ${text('busy')} ${text('reason')} ${text('full')}
         ${text('retryAfterMs')} cd05dc
    ${text('credit')} cb3fe0000000000000 ${text('serverTime')} cb427a202966360000 ${text('storeGen')} ${text('gen-1')}`);
  t.equal(hex(encodeAcks(ACKS)), hex(golden));
  t.strictSame(decodeAcks(golden), ACKS);
});

const STATUS: Status = {
  version: '0.1.0',
  epochs: [{ epoch: '9f3c0000000000a1', lastSeq: 43, pending: [[41, 43]] }],
  clearThrough: 1_795_339_740_000,
  losses: 1,
  bufferBytes: 65_536,
  clockOffsetMs: null,
};

t.test('a status', async (t) => {
  const golden = bytes(`
    86 ${text('version')} ${text('0.1.0')}
    ${text('epochs')} 91
      83 ${text('epoch')} ${text('9f3c0000000000a1')} ${text('lastSeq')} 2b ${text('pending')} 91 92 29 2b
    ${text('clearThrough')} cb427a202966360000 ${text('losses')} 01 ${text('bufferBytes')} ce00010000
    ${text('clockOffsetMs')} c0`);
  t.equal(hex(encodeStatus(STATUS)), hex(golden));
  t.strictSame(decodeStatus(golden), STATUS);
});

t.test('a status that names what was acknowledged', async (t) => {
  const status: Status = {
    ...STATUS,
    storeGen: 'gen-1+0123abcd',
    ackedThrough: [
      [1, '9f3c0000000000a1', 498_705, 1, 40],
      [0, '9f3c0000000000a0', 498_704, 7, 7],
    ],
  };
  const golden = bytes(`
    88 ${text('version')} ${text('0.1.0')}
    ${text('epochs')} 91
      83 ${text('epoch')} ${text('9f3c0000000000a1')} ${text('lastSeq')} 2b ${text('pending')} 91 92 29 2b
    ${text('clearThrough')} cb427a202966360000 ${text('losses')} 01 ${text('bufferBytes')} ce00010000
    ${text('clockOffsetMs')} c0 ${text('storeGen')} ${text('gen-1+0123abcd')}
    ${text('ackedThrough')} 92
      95 01 ${text('9f3c0000000000a1')} ce00079c11 01 28
      95 00 ${text('9f3c0000000000a0')} ce00079c10 07 07`);
  t.equal(hex(encodeStatus(status)), hex(golden));
  t.strictSame(decodeStatus(golden), status);
});
