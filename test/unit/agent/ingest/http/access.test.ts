import t from 'tap';
import { type AccessRules, rejectForeign, rejectUnauthenticated } from '../../../../../agent/ingest/http/access.ts';

interface Asked {
  readonly host?: string;
  readonly origin?: string;
}

/** @returns the words of the refusal */
function refusal(asked: Asked, rules: Partial<AccessRules> = {}, localAddress = '127.0.0.1'): string | null {
  const all = { host: '127.0.0.1', allowedHosts: [], allowedOrigins: [], token: null, ...rules };
  const request = { headers: asked, socket: { localAddress } } as unknown as Parameters<typeof rejectForeign>[0];
  return rejectForeign(request, asked.host ?? null, all)?.body ?? null;
}

t.test('this machine may be named in any way', async (t) => {
  for (const host of [
    'localhost',
    'LOCALHOST:7070',
    'localhost.',
    '127.0.0.1',
    '127.0.0.1:80',
    '127.1',
    '127.0.0.2',
    '[::1]',
    '[::1]:7070',
    '[0:0:0:0:0:0:0:1]',
    '[::ffff:127.0.0.1]',
  ])
    t.equal(refusal({ host }), null, host);
});

t.test('another name is refused', async (t) => {
  for (const host of [
    'evil.example',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '10.0.0.1',
    '128.0.0.1',
    '[::2]',
    'localhost:80:80',
    '127.0.0.1:70000',
    'localhost:99999',
    'evil@127.0.0.1',
    '127.0.0.1/evil',
    '127.0.0.1#evil',
    'localhost%00.evil.example',
    '.localhost',
    'evil.localhost',
    '',
    '::1',
  ]) {
    t.match(refusal({ host }), /Host/, host);
  }
});

t.test('a program may speak HTTP/1.0, without Host', async (t) => {
  for (const host of ['127.0.0.1', 'localhost', '::1', '10.0.0.1']) t.equal(refusal({}, { host }), null, host);
  t.match(refusal({ origin: 'null' }), /Origin/);
});

t.test('the configured host is allowed too, and each name and address by which others reach it', async (t) => {
  t.equal(refusal({ host: 'till.shop:7070' }, { host: 'till.shop' }), null);
  t.equal(refusal({ host: '10.0.0.1:7070' }, { host: '10.0.0.1' }), null);
  t.equal(refusal({ host: '[fd00::1]:7070' }, { host: 'fd00::1' }), null);
  const open = { host: '0.0.0.0', allowedHosts: ['till-1.shop.lan', '203.0.113.7'] };
  for (const host of ['till-1.shop.lan:7070', 'TILL-1.shop.lan.', '203.0.113.7', '192.168.1.20:7070'])
    t.equal(refusal({ host }, open, '::ffff:192.168.1.20'), null, host);
  for (const host of ['till-2.shop.lan', 'till-1.shop.lan.evil.example', '192.168.1.21', 'evil.example'])
    t.match(refusal({ host }, open, '192.168.1.20'), /allowedHosts/, host);
});

t.test('any Origin is refused but those of tills, also one of this machine', async (t) => {
  for (const origin of ['http://evil.example', 'null', 'http://localhost:7070', ''])
    t.match(refusal({ host: 'localhost', origin }), /Origin/);
  const rules = { allowedOrigins: ['https://till.example'] };
  t.equal(refusal({ host: 'localhost', origin: 'https://till.example' }, rules), null);
  for (const origin of [
    'http://till.example',
    'https://till.example:8443',
    'https://till.example.evil.example',
    'https://x.till.example',
    'null',
  ])
    t.match(refusal({ host: 'localhost', origin }, rules), /Origin/, origin);
  t.match(refusal({ host: 'evil.example', origin: 'https://till.example' }, rules), /Host/, 'its Host is judged too');
});

t.test('the token is a bearer, or a password that a browser asked for', async (t) => {
  const status = (authorization?: string, token: string | null = 'secret') =>
    rejectUnauthenticated({ headers: { authorization } }, { token: token === null ? null : () => token })?.status ??
    null;
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;
  t.equal(status(undefined, null), null);
  for (const authorization of ['Bearer secret', 'bearer  secret', basic('anybody:secret'), basic(':secret')])
    t.equal(status(authorization), null, authorization);
  for (const authorization of [
    undefined,
    '',
    'secret',
    'Bearer',
    'Bearer secrets',
    'Bearer secre',
    'Token secret',
    'Bearer secret secret',
    basic('secret'.slice(1)),
    basic('a:b:secret'),
  ])
    t.equal(status(authorization), 401, String(authorization));
});
