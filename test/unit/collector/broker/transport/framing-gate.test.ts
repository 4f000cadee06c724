import { Buffer } from 'node:buffer';
import { once } from 'node:events';
import { type Duplex, duplexPair } from 'node:stream';
import { setImmediate as turn, setTimeout as wait } from 'node:timers/promises';
import fc from 'fast-check';
import t, { type Test } from 'tap';
import { readFixedHeader } from '../../../../../collector/broker/transport/fixed-header.ts';
import { FramingGate, type GateLimits } from '../../../../../collector/broker/transport/framing-gate.ts';
import type { GateError } from '../../../../../collector/broker/transport/gate-error.ts';
import { ReceiveMemory } from '../../../../../collector/broker/transport/receive-memory.ts';
import { connect, packet, pingreq, publish } from '../../../../support/collector/mqtt-packets.ts';

const LIMITS: GateLimits = {
  maxControlBytes: 100,
  maxPublishBytes: 1_000,
  maxUnreleased: 4,
  maxUnreleasedBytes: 2_000,
  handshakeMs: 60_000,
  packetMs: 60_000,
  minPacketRate: 100,
  maxPieces: 1_000,
  piecesPerSecond: 0,
  control: { burst: 1_000, perSecond: 0 },
  minPublishBytes: 0,
};

const gateOn = (
  socket: Duplex,
  limits: Partial<GateLimits> = {},
  memory = new ReceiveMemory(1_000_000),
  received = () => 0,
): FramingGate =>
  new FramingGate(socket, {
    limits: { ...LIMITS, ...limits },
    memory,
    clock: () => 0,
    certified: null,
    address: '',
    received,
  });

/** A gate, the till's end of its socket, and what has passed so far. */
function standing(t: Test, limits: Partial<GateLimits> = {}) {
  const [till, socket] = duplexPair();
  const gate = gateOn(socket, limits);
  t.teardown(() => gate.destroy());
  const passed: Buffer[] = [];
  // As aedes reads: everything available, on each 'readable' event.
  gate.on('readable', () => {
    const bytes = gate.read() as Buffer | null;
    if (bytes !== null) passed.push(bytes);
  });
  gate.on('error', () => undefined);
  till.on('error', () => undefined);
  return { till, gate, bytes: () => Buffer.concat(passed), types: () => typesOf(Buffer.concat(passed)) };
}

/** The packet types in these bytes; a partial packet at the end counts. */
function typesOf(bytes: Buffer): number[] {
  const types: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const header = readFixedHeader(bytes, at);
    if (header.kind !== 'packet') break;
    types.push(header.type);
    at += header.size;
  }
  return types;
}

async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns++) {
    if (turns > 100_000) throw new Error('waited for nothing');
    await turn();
  }
}

/** Until whatever was to happen has happened: for what must not. */
async function settled(): Promise<void> {
  for (let i = 0; i < 8; i++) await turn();
}

async function opened(t: Test, limits: Partial<GateLimits> = {}) {
  const parts = standing(t, limits);
  parts.till.write(connect());
  await until(() => parts.types().length === 1);
  parts.gate.accept();
  return parts;
}

async function faultOf(gate: FramingGate): Promise<string> {
  const [error] = (await once(gate, 'error')) as [GateError];
  return error.fault;
}

/** Writes without caring whether the other end still reads. */
const pour = (till: Duplex, bytes: Buffer): void => void till.write(bytes, () => undefined);

t.test('only the CONNECT passes before it is accepted; then what came behind it', async (t) => {
  const { till, gate, types } = standing(t);
  till.write(Buffer.concat([connect(), publish(10), pingreq()]));
  await settled();
  t.same(types(), [1]);
  gate.accept();
  await settled();
  t.same(types(), [1, 3, 12]);
});

t.test(
  'whatever the chunks, the same bytes pass in order, and never more publishes than allowed are under way',
  async (t) => {
    const packets = fc.array(
      fc.oneof(
        fc.integer({ min: 2, max: 900 }).map(publish),
        fc.constant(pingreq()),
        fc.integer({ min: 0, max: 90 }).map((size) => packet(8, size)),
      ),
      { minLength: 1, maxLength: 30 },
    );
    const chunkSizes = fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 });
    await fc.assert(
      fc.asyncProperty(packets, chunkSizes, fc.boolean(), async (sent, sizes, lifo) => {
        const { till, gate, bytes } = standing(t, { maxControlBytes: 4_096 });
        const stream = Buffer.concat([connect(), ...sent]);
        for (let at = 0, i = 0; at < stream.length; i++) {
          const end = at + sizes[i % sizes.length]!;
          pour(till, stream.subarray(at, end));
          at = end;
        }
        await until(() => bytes().length === connect().length);
        gate.accept();
        const claimed: (() => void)[] = [];
        let mostUnderWay = 0;
        await until(() => {
          mostUnderWay = Math.max(mostUnderWay, gate.unreleased);
          while (claimed.length < gate.unreleased) claimed.push(gate.claim());
          const release = lifo ? claimed.pop() : claimed.shift();
          release?.();
          return bytes().length === stream.length && gate.unreleased === 0;
        });
        gate.destroy();
        return bytes().equals(stream) && mostUnderWay <= LIMITS.maxUnreleased;
      }),
      { numRuns: 60 },
    );
    t.pass();
  },
);

t.test('at the bound of publishes the next one waits, and its release lets it pass', async (t) => {
  const { till, gate, types } = await opened(t);
  for (let i = 0; i < 6; i++) pour(till, publish(10));
  await settled();
  t.equal(types().length, 1 + 4);
  gate.claim()();
  await settled();
  t.equal(types().length, 1 + 5);
});

t.test('at the bound of bytes the next one waits, too', async (t) => {
  const { till, gate, types } = await opened(t);
  for (let i = 0; i < 4; i++) pour(till, publish(990));
  await settled();
  t.equal(types().length, 1 + 3, 'under 2,000 bytes before the third');
  gate.claim()();
  gate.claim()();
  await settled();
  t.equal(types().length, 1 + 4);
});

t.test('while a publish waits, the socket is not read', async (t) => {
  const { till } = await opened(t);
  for (let i = 0; i < 4; i++) pour(till, publish(10));
  await settled();
  const flood = Buffer.concat(Array.from({ length: 1_000 }, () => publish(990)));
  for (let at = 0; at < flood.length; at += 1_000) pour(till, flood.subarray(at, at + 1_000));
  for (let i = 0; i < 10; i++) await settled();
  t.ok(till.writableLength > flood.length / 2, `${till.writableLength} bytes are still the till's`);
});

t.test('a partial packet at the bound is no deadlock: it passes as it comes', async (t) => {
  const { till, gate, bytes } = await opened(t);
  const last = publish(900);
  for (let i = 0; i < 3; i++) pour(till, publish(10));
  for (const byte of last) pour(till, Buffer.of(byte));
  await until(() => bytes().subarray(-last.length).equals(last));
  t.equal(gate.unreleased, 4);
});

t.test('a packet in too many pieces ends the connection; many packets in as many do not', async (t) => {
  const { till, gate, types } = await opened(t, { maxPieces: 10 });
  for (let i = 0; i < 50; i++) pour(till, pingreq());
  await until(() => types().length === 51);
  const fault = faultOf(gate);
  for (const byte of publish(50)) pour(till, Buffer.of(byte));
  t.equal(await fault, 'pieces');
});

t.test('what is unfinished counts in the memory of all gates, until it ends', async (t) => {
  const memory = new ReceiveMemory(100_000);
  const [till, socket] = duplexPair();
  const gate = gateOn(socket, { maxPublishBytes: 50_000, maxUnreleasedBytes: 100_000 }, memory);
  t.teardown(() => gate.destroy());
  gate.on('error', () => undefined);
  gate.on('readable', () => gate.read());
  till.write(connect());
  await settled();
  gate.accept();
  const packet = publish(20_000);
  till.write(packet.subarray(0, 15_000));
  await until(() => memory.bytes === 15_000);
  till.write(packet.subarray(15_000));
  await until(() => memory.bytes === 0);
  till.write(packet.subarray(0, 15_000));
  await until(() => memory.bytes === 15_000);
  gate.destroy();
  t.equal(memory.bytes, 0);
});

t.test('one read gives all that has passed, in however many pieces it came', async (t) => {
  const [till, socket] = duplexPair();
  const gate = gateOn(socket);
  t.teardown(() => gate.destroy());
  for (const byte of connect()) pour(till, Buffer.of(byte));
  await until(() => gate.readableLength === connect().length);
  t.ok(connect().equals(gate.read()!));
});

t.test('a publish that has not passed whole is not under way', async (t) => {
  const { till, gate } = await opened(t);
  pour(till, Buffer.concat([publish(10), publish(500).subarray(0, 100)]));
  await settled();
  t.equal(gate.unreleased, 1);
});

t.test('a release counts once', async (t) => {
  const { till, gate } = await opened(t);
  for (let i = 0; i < 2; i++) pour(till, publish(10));
  await settled();
  const release = gate.claim();
  release();
  release();
  t.equal(gate.unreleased, 1);
});

t.test('more claims than publishes are a fault of the caller', async (t) => {
  const { gate } = await opened(t);
  t.throws(() => gate.claim(), /more publishes than passed/);
});

t.test('a packet beyond its limit ends the connection when its header has come', async (t) => {
  const cases: [string, Buffer, boolean][] = [
    ['a CONNECT of 200 MB', Buffer.from([0x10, 0x80, 0x80, 0x80, 0x64]), false],
    ['a PUBLISH', publish(1_001).subarray(0, 3), true],
    ['a SUBSCRIBE as large as a PUBLISH may be', packet(8, 500).subarray(0, 3), true],
  ];
  for (const [what, bytes, afterConnect] of cases) {
    const { till, gate } = afterConnect ? await opened(t) : standing(t);
    const fault = faultOf(gate);
    pour(till, bytes);
    t.equal(await fault, 'oversized', what);
    t.ok(till.destroyed || gate.destroyed);
  }
});

t.test('garbage ends the connection: no CONNECT first, or a length without an end', async (t) => {
  const http = standing(t);
  const noConnect = faultOf(http.gate);
  pour(http.till, Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  t.equal(await noConnect, 'no-connect');
  const endless = standing(t);
  const malformed = faultOf(endless.gate);
  pour(endless.till, Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff]));
  t.equal(await malformed, 'malformed');
});

t.test('a client that talks on and on before its CONNACK is cut', async (t) => {
  const { till, gate } = standing(t);
  const fault = faultOf(gate);
  pour(till, Buffer.concat([connect(), publish(200)]));
  t.equal(await fault, 'early-bytes');
});

t.test('a CONNECT that does not come, or is never accepted, has its time', async (t) => {
  const silent = standing(t, { handshakeMs: 5 });
  t.equal(await faultOf(silent.gate), 'slow-handshake');
  const waiting = standing(t, { handshakeMs: 5 });
  waiting.till.write(connect());
  t.equal(await faultOf(waiting.gate), 'slow-handshake');
});

t.test('a packet that trickles has its time, which begins anew with each packet', async (t) => {
  const { till, gate } = await opened(t, { packetMs: 5 });
  const fault = faultOf(gate);
  pour(till, Buffer.concat([pingreq(), publish(50).subarray(0, 20)]));
  t.equal(await fault, 'slow-packet');
});

t.test('a large packet may take long while it comes at the least rate, and not when it stops', async (t) => {
  const { till, gate } = await opened(t, { packetMs: 20, minPacketRate: 1_000 });
  const fault = faultOf(gate);
  const packet = publish(900);
  const start = performance.now();
  pour(till, packet.subarray(0, 100));
  t.equal(await fault, 'slow-packet');
  t.ok(performance.now() - start >= 99, '100 bytes at 1,000 bytes/s are five periods of 20 ms');
});

t.test('a silent client is ended, but not while the gate waits and reads nothing', async (t) => {
  const { till, gate } = standing(t, { maxUnreleased: 1, maxUnreleasedBytes: 10 });
  gate.keepAliveSeconds = 0.01;
  let fault: string | null = null;
  const ended = faultOf(gate).then((name) => {
    fault = name;
  });
  till.write(connect());
  await settled();
  gate.accept();
  pour(till, Buffer.concat([publish(10), publish(10)]));
  await wait(60);
  t.equal(fault, null);
  gate.claim()();
  gate.claim()();
  await ended;
  t.equal(fault, 'keep-alive');
});

t.test('a held gate passes nothing more, and still lets answers out', async (t) => {
  const { till, gate, types } = await opened(t);
  pour(till, publish(10));
  await settled();
  gate.hold();
  pour(till, publish(10));
  await settled();
  gate.claim()();
  t.same(types(), [1, 3]);
  gate.write('ack');
  await settled();
  t.equal(String(till.read()), 'ack');
});

t.test('what was written before the end reaches the till', async (t) => {
  const { till, gate } = standing(t);
  gate.write('connack');
  await settled();
  gate.destroy();
  await once(till, 'readable');
  t.equal(String(till.read()), 'connack');
});
