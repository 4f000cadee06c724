import t, { type Test } from 'tap';
import { openHBaseTables } from '../../../../../../collector/store/hbase/hbase-tables.ts';
import { answer, EMPTY_REPLY, listen } from '../../../../../support/collector/thrift-peer.ts';

function tablesAt(t: Test, port: number) {
  const deadlines = { connectMs: 1_000, waitMs: 100, callMs: 100, schemaMs: 100 };
  const tables = openHBaseTables({ host: '127.0.0.1', port, connections: 1, namespace: 'ns', deadlines });
  t.teardown(() => tables.close());
  return tables;
}

const ROW = Buffer.from('row');
const PUT = { row: ROW, cells: new Map([['m:a', ROW] as const]) };

/** A reply to the first call of a connection that says what HBase says. */
function failing(method: string, message: string): Buffer {
  const text = (value: string) => {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(Buffer.byteLength(value));
    return Buffer.concat([head, Buffer.from(value)]);
  };
  const io = Buffer.concat([Buffer.of(12, 0, 1, 11, 0, 1), text(message), Buffer.of(0, 0)]);
  return Buffer.concat([Buffer.of(0x80, 1, 0, 2), text(method), Buffer.of(0, 0, 0, 1), io]);
}

t.test('a missing gateway is reported with operation, table, place and a hint', async (t) => {
  const peer = await listen(t, () => {});
  await peer.stop();
  await t.rejects(tablesAt(t, peer.port).put('control', [PUT]), {
    name: 'StoreUnavailable',
    message: new RegExp(
      `^putMultiple ns:control at 127.0.0.1:${peer.port}: .*ECONNREFUSED.*is HBase's Thrift2 gateway running`,
    ),
    cause: { name: 'NoConnection' },
  });
});

t.test('every call on a gateway that never answers ends, and says how long it waited', async (t) => {
  const peer = await listen(t, () => {});
  const tables = tablesAt(t, peer.port);
  const calls: (() => Promise<unknown>)[] = [
    () => tables.init(),
    () => tables.put('control', [PUT]),
    () => tables.get('control', [ROW]),
    () => tables.checkAndPut('control', { column: 'm:a', expected: null }, PUT),
    () => tables.delete('control', [ROW]),
    () => Array.fromAsync(tables.scan('control', { start: ROW, stop: Buffer.from('s') })),
  ];
  for (const call of calls) {
    await t.rejects(call(), {
      name: 'StoreUnavailable',
      message: /no answer within 100 ms/,
      cause: { name: 'DeadlineMissed' },
    });
  }
});

t.test("a refusal of HBase is reported with its exception's first line", async (t) => {
  const peer = await listen(t, answer(failing('putMultiple', 'Failed 1 action: no such family\n\tat org.apache.Foo')));
  await t.rejects(tablesAt(t, peer.port).put('control', [PUT]), {
    name: 'StoreUnavailable',
    message: `putMultiple ns:control at 127.0.0.1:${peer.port}: Failed 1 action: no such family`,
  });
});

t.test('a missing table, of which HBase only says the name, is reported as such', async (t) => {
  const peer = await listen(t, answer(failing('putMultiple', 'ns:control')));
  await t.rejects(tablesAt(t, peer.port).put('control', [PUT]), { message: /no such table: has `init` been run\?/ });
});

t.test('a put without cells asks the gateway for nothing', async (t) => {
  const peer = await listen(t, () => t.fail('somebody connected'));
  await t.resolves(tablesAt(t, peer.port).put('control', [{ row: ROW, cells: new Map() }]));
});

t.test('a port that speaks something else is named as such', async (t) => {
  const peer = await listen(t, answer(Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')));
  await t.rejects(tablesAt(t, peer.port).get('control', [ROW]), {
    name: 'StoreUnavailable',
    message: /not a Thrift binary message .*must be HBase's Thrift2 gateway, binary protocol, unframed/,
  });
});

t.test('the reply to something else is refused', async (t) => {
  const peer = await listen(t, answer(EMPTY_REPLY));
  await t.rejects(tablesAt(t, peer.port).get('control', [ROW]), {
    name: 'StoreUnavailable',
    cause: { name: 'WrongReply' },
  });
});

t.test('closing rejects what is in flight with StoreUnavailable', async (t) => {
  const peer = await listen(t, () => {});
  const tables = tablesAt(t, peer.port);
  const call = tables.put('control', [PUT]);
  await tables.close();
  await t.rejects(call, { name: 'StoreUnavailable', cause: { name: 'PoolClosed' } });
});
