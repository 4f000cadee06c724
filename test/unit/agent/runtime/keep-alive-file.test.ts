import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { KeepAliveFile } from '../../../../agent/runtime/keep-alive-file.ts';
import type { Address } from '../../../../agent/ship/connection/endpoint.ts';

const ONE: Address = { protocol: 'mqtts', host: 'one.example', port: 8883, path: null };
const OTHER: Address = { protocol: 'wss', host: 'other.example', port: 443, path: '/till' };
const PROXIED: Address = { ...OTHER, proxy: { host: 'proxy', port: 3128, credentials: 'user:secret' } };

function remembering(t: Test) {
  const buffer = join(t.testdir(), 'buffer.db');
  const warnings: string[] = [];
  return {
    buffer,
    file: `${buffer}.line`,
    warnings,
    opened: (...addresses: Address[]) => new KeepAliveFile(buffer, addresses, (message) => warnings.push(message)),
  };
}

t.test('what was learned of each address is there after a restart', async (t) => {
  const { file, opened, warnings } = remembering(t);
  const before = opened(ONE, OTHER);
  t.equal(before.of(ONE).seconds, 45);
  t.notOk(existsSync(file), 'nothing was learned yet');
  before.of(ONE).cutAfter(50_000);
  before.of(OTHER).cutAfter(30_000);
  await before.written;
  const after = opened(OTHER, ONE);
  t.same([after.of(ONE).seconds, after.of(OTHER).seconds], [40, 24]);
  t.equal(opened(PROXIED).of(PROXIED).seconds, 45, 'another path to the same address');
  t.equal(statSync(file).mode & 0o777, 0o600);
  t.same(warnings, []);
});

t.test('golden: the file, and an address that is configured no more', async (t) => {
  const { file, opened } = remembering(t);
  const text = [
    '{"version":1,"paths":[{"url":"mqtts://one.example:8883","seconds":40,"cutAfterMs":50000},',
    '{"url":"wss://other.example:443/till through proxy:3128","seconds":67,"cutAfterMs":null}]}\n',
  ].join('');
  writeFileSync(file, text);
  const known = opened(ONE, PROXIED);
  t.same([known.of(ONE).seconds, known.of(PROXIED).seconds], [40, 67]);
  known.of(PROXIED).cutAfter(20_000);
  known.of(PROXIED).doubt();
  await known.written;
  t.equal(readFileSync(file, 'utf8'), text, 'written as it was read');
  const fewer = opened(PROXIED);
  fewer.of(PROXIED).cutAfter(60_000);
  await fewer.written;
  t.notMatch(readFileSync(file, 'utf8'), /one.example/);
});

t.test('a file that cannot be read, or says what cannot be, costs only what it knew', async (t) => {
  const { buffer, opened, warnings } = remembering(t);
  const url = 'mqtts://one.example:8883';
  const entry = (seconds: unknown, cutAfterMs: unknown) => ({ version: 1, paths: [{ url, seconds, cutAfterMs }] });
  for (const [text, seconds] of [
    ['', 45],
    ['{"version":1,"paths":[{"url"', 45],
    ['null', 45],
    ['[]', 45],
    [JSON.stringify({ version: 2, paths: entry(40, null).paths }), 45],
    [JSON.stringify({ version: 1, paths: [null, 7, {}] }), 45],
    [JSON.stringify(entry('40', null)), 45],
    [JSON.stringify(entry(-1, null)), 45],
    [JSON.stringify(entry(40, 'x')), 45],
    [JSON.stringify(entry(1e300, null)), 300],
    [JSON.stringify(entry(1, 1)), 20],
  ] as const) {
    writeFileSync(`${buffer}.line`, text);
    t.equal(opened(ONE).of(ONE).seconds, seconds, text);
  }
  t.same(warnings, []);
});

t.test('where it cannot be written, learning goes on, and the log says so', async (t) => {
  const { file, opened, warnings } = remembering(t);
  mkdirSync(file);
  const known = opened(ONE);
  known.of(ONE).cutAfter(50_000);
  await known.written;
  t.equal(known.of(ONE).seconds, 40);
  t.match(warnings, [/buffer\.db\.line: the keep-alive cannot be remembered: /]);
});
