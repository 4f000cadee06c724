import t from 'tap';
import {
  checkAndPut,
  createNamespace,
  getMultiple,
  putMultiple,
  tableExists,
} from '../../../../../../collector/store/hbase/thrift/idl.ts';
import { decodeReply, encodeCall } from '../../../../../../collector/store/hbase/thrift/messages.ts';

/** Bytes from hex, with what they mean beside them. */
const bytes = (...parts: readonly string[]) => Buffer.from(parts.join('').replaceAll(' ', ''), 'hex');
const text = (value: string) => Buffer.from(value).toString('hex');

const CALL = '80010001';
const REPLY = '80010002';
const EXCEPTION = '80010003';
const STOP = '00';

t.test('a put is written to the byte as the protocol says', async (t) => {
  const put = {
    row: Buffer.of(0x00, 0xff),
    columnValues: [{ family: Buffer.from('b'), qualifier: Buffer.from('d'), value: Buffer.alloc(0) }],
    timestamp: 2n ** 53n + 1n,
    durability: 4,
  };
  const golden = bytes(
    `${CALL} 0000000b ${text('putMultiple')} 00000007`,
    `0b 0001 00000003 ${text('n:t')}`, // 1: binary table
    '0f 0002 0c 00000001', // 2: list of one TPut
    '0b 0001 00000002 00ff', // 1: row
    '0f 0002 0c 00000001', // 2: list of one TColumnValue
    `0b 0001 00000001 ${text('b')} 0b 0002 00000001 ${text('d')} 0b 0003 00000000 ${STOP}`,
    '0a 0003 0020000000000001', // 3: i64 timestamp, exact beyond 2^53
    '08 0006 00000004', // 6: FSYNC_WAL
    `${STOP} ${STOP}`,
  );
  t.same(encodeCall(putMultiple, { table: Buffer.from('n:t'), tputs: [put] }, 7), golden);
});

t.test('an unset field is not written: a cell that must not exist has no value', async (t) => {
  const [table, row, family, qualifier] = ['t', 'r', 'm', 'q'].map((name) => Buffer.from(name));
  const golden = bytes(
    `${CALL} 0000000b ${text('checkAndPut')} 00000001`,
    `0b 0001 00000001 ${text('t')} 0b 0002 00000001 ${text('r')}`,
    `0b 0003 00000001 ${text('m')} 0b 0004 00000001 ${text('q')}`,
    `0c 0006 ${STOP} ${STOP}`,
  );
  t.same(
    encodeCall(checkAndPut, { table: table!, row: row!, family: family!, qualifier: qualifier!, tput: {} }, 1),
    golden,
  );
});

t.test('rows are read, with exact times; fields we do not know are skipped', async (t) => {
  const reply = bytes(
    `${REPLY} 0000000b ${text('getMultiple')} 00000003`,
    '0f 0000 0c 00000002', // success: list of two TResult
    '0b 0001 00000002 00ff',
    '0f 0002 0c 00000001',
    `0b 0001 00000001 ${text('b')} 0b 0002 00000001 ${text('d')} 0b 0003 00000003 010203`,
    '0a 0004 7fffffffffffffff 0b 0005 00000001 99 03 0006 04', // timestamp, tags, type
    STOP,
    `02 0003 01 02 0004 00 ${STOP}`, // stale, partial
    `0f 0002 0c 00000000 ${STOP}`, // a row without cells
    STOP,
  );
  t.same(decodeReply(getMultiple, reply, 3), [
    {
      row: Buffer.of(0, 0xff),
      columnValues: [
        { family: Buffer.from('b'), qualifier: Buffer.from('d'), value: Buffer.of(1, 2, 3), timestamp: 2n ** 63n - 1n },
      ],
    },
    { columnValues: [] },
  ]);
});

t.test('a call without a result gives nothing', async (t) => {
  const reply = bytes(`${REPLY} 0000000f ${text('createNamespace')} 00000001 ${STOP}`);
  t.equal(decodeReply(createNamespace, reply, 1), undefined);
});

t.test("the server's exception is reported with its first line", async (t) => {
  const trace = 'java.io.IOException: no such family\n\tat org.apache.Foo.bar(Foo.java:1)\n\tat …';
  const length = Buffer.byteLength(trace).toString(16).padStart(8, '0');
  const io = bytes(
    `${REPLY} 0000000b ${text('putMultiple')} 00000001 0c 0001`,
    `0b 0001 ${length} ${text(trace)} 02 0002 00 ${STOP} ${STOP}`,
  );
  t.throws(() => decodeReply(putMultiple, io, 1), {
    name: 'Refused',
    message: 'java.io.IOException: no such family',
    canRetry: false,
  });
});

t.test('of a call that HBase tried again and again the last exception is reported', async (t) => {
  const attempt = (at: string, why: string): string => `2026-12-01T11:0${at}Z, RpcRetryingCaller{pause=100}, ${why}`;
  const trace = [
    ...['Failed after attempts=2, exceptions:', attempt('0', 'java.net.ConnectException: refused')],
    ...[attempt('1', 'java.io.IOException: no lease'), '\tat org.apache.Foo.bar(Foo.java:1)', ''],
    ...['Caused by: java.io.IOException: no lease', '\tat …'],
  ].join('\n');
  const length = Buffer.byteLength(trace).toString(16).padStart(8, '0');
  const reply = bytes(
    `${REPLY} 0000000b ${text('putMultiple')} 00000001 0c 0001`,
    `0b 0001 ${length} ${text(trace)} 02 0002 01 ${STOP} ${STOP}`,
  );
  t.throws(() => decodeReply(putMultiple, reply, 1), {
    name: 'Refused',
    message:
      'Failed after attempts=2, exceptions: 2026-12-01T11:01Z, RpcRetryingCaller{pause=100}, java.io.IOException: no lease',
  });
});

t.test("Thrift's own exception is an error too", async (t) => {
  const reply = bytes(
    `${EXCEPTION} 0000000b ${text('tableExists')} 00000001`,
    `0b 0001 00000004 ${text('oops')} 08 0002 00000006 ${STOP}`,
  );
  t.throws(() => decodeReply(tableExists, reply, 1), { name: 'Refused', message: 'oops' });
});

t.test('the reply to another call is refused', async (t) => {
  const reply = bytes(`${REPLY} 0000000b ${text('tableExists')} 00000001 02 0000 01 ${STOP}`);
  t.equal(decodeReply(tableExists, reply, 1), true);
  t.throws(() => decodeReply(tableExists, reply, 2), { name: 'WrongReply' });
  t.throws(() => decodeReply(checkAndPut, reply, 1), { name: 'WrongReply' });
});

t.test('a reply that lacks its result is refused', async (t) => {
  const reply = bytes(`${REPLY} 0000000b ${text('tableExists')} 00000001 ${STOP}`);
  t.throws(() => decodeReply(tableExists, reply, 1), { name: 'WrongReply' });
});
