import t from 'tap';
import { rejectForeign } from '../../../../../agent/ingest/http/origin-check.ts';

const rejectForeignOrigin = (headers: { host?: string; origin?: string }, host: string): string | null =>
  rejectForeign(headers, headers.host ?? null, host)?.body ?? null;

t.test('this machine may be named in any way', async (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST:7070',
    '127.0.0.1',
    '127.0.0.1:80',
    '[::1]',
    '[::1]:7070',
    'localhost.',
    '127.1',
    '127.0.0.2',
    '[0:0:0:0:0:0:0:1]',
  ])
    t.equal(rejectForeignOrigin({ host }, '127.0.0.1'), null, host);
});

t.test('another name is refused', async (t) => {
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    'localhost:80:80',
    'evil@127.0.0.1',
    '127.0.0.1/evil',
    '127.0.0.1#evil',
    '128.0.0.1',
    '[::2]',
    'localhost%00.evil.example',
    '.localhost',
    '',
    '::1',
  ]) {
    t.match(rejectForeignOrigin({ host }, '127.0.0.1'), /Host/, host);
  }
});

t.test('a program of this machine may speak HTTP/1.0, without Host', async (t) => {
  for (const host of ['127.0.0.1', 'localhost', '::1']) t.equal(rejectForeignOrigin({}, host), null, host);
  t.match(rejectForeignOrigin({}, '10.0.0.1'), /Host/, 'but not over a network');
  t.match(rejectForeignOrigin({ origin: 'null' }, '127.0.0.1'), /Origin/);
});

t.test('the configured host is allowed too', async (t) => {
  t.equal(rejectForeignOrigin({ host: 'till.shop:7070' }, 'till.shop'), null);
  t.equal(rejectForeignOrigin({ host: '10.0.0.1:7070' }, '10.0.0.1'), null);
  t.equal(rejectForeignOrigin({ host: '[fd00::1]:7070' }, 'fd00::1'), null);
});

t.test('any Origin is refused, also one of this machine', async (t) => {
  for (const origin of ['http://evil.example', 'null', 'http://localhost:7070'])
    t.match(rejectForeignOrigin({ host: 'localhost', origin }, '127.0.0.1'), /Origin/);
});
