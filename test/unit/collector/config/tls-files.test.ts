import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { platform } from 'node:process';
import t from 'tap';
import {
  certificatesOf,
  earliestEnd,
  outOfTime,
  readTls,
  type TlsFiles,
  tlsFilesOf,
  whyNotReplace,
} from '../../../../collector/config/tls-files.ts';
import { type Issued, issue, type Wanted } from '../../../support/tls/issue-certificate.ts';

const DAY_MS = 86_400_000;
const AUTHORITY = issue({ name: 'authority', to: 1_000 });
const own = (more: Partial<Wanted> = {}): Issued =>
  issue({ name: 'own', issuer: AUTHORITY, names: ['localhost'], ...more });
const pair = ({ key, cert }: Issued, more: Partial<TlsFiles> = {}): TlsFiles => ({ key, cert, ca: null, ...more });

const encrypted = (key: string): string =>
  String(createPrivateKey(key).export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' }));

t.test('a pair, its intermediates and authorities are taken, however they are laid out', async (t) => {
  const middle = issue({ name: 'middle', issuer: AUTHORITY, to: 20 });
  const one = own({ issuer: middle });
  const whole = `${one.cert}${middle.cert}`;
  const files = (more: Partial<TlsFiles>) => certificatesOf(tlsFilesOf(pair(one, more)));
  const layouts: [what: string, cert: string][] = [
    ['plain', whole],
    ['CRLF', whole.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\ufeff${whole}`],
    ['blanks at the ends of lines', whole.replaceAll('\n', '  \n')],
    ['texts between', `subject: own\n${whole}\n\nmiddle\n`],
    ['joined without a line feed', one.cert.trimEnd() + middle.cert],
    ['the key in it too', `${one.key}${whole}`],
  ];
  for (const [what, cert] of layouts) t.equal(files({ cert }).chain.length, 2, what);
  t.equal(files({ cert: whole, key: `${one.key}${whole}` }).chain.length, 2, 'one file for all');
  const old = issue({ name: 'old', to: -0.5 }).cert;
  t.equal(files({ ca: `# tills\n${old}${AUTHORITY.cert}` }).authorities.length, 2);
  const joined = old.trimEnd() + AUTHORITY.cert;
  t.equal(tlsFilesOf(pair(one, { ca: joined })).ca, old + AUTHORITY.cert, 'OpenSSL would see the first only');
});

t.test('what is no pair, or not whole, is refused in words', async (t) => {
  const [one, other] = [own(), own()];
  const middle = issue({ name: 'middle', issuer: AUTHORITY });
  const cases: [what: string, files: TlsFiles, words: RegExp][] = [
    ['another key', pair(one, { key: other.key }), /^mqtt\.tls\.key is not the key of the first certificate/],
    [
      'an intermediate first',
      pair(one, { cert: `${middle.cert}${one.cert}` }),
      /not the key of the first .*, but of number 2: /,
    ],
    ['an empty key', pair(one, { key: '' }), /^mqtt\.tls\.key is not a private key in PEM/],
    ['half a key', pair(one, { key: one.key.slice(0, 100) }), /^mqtt\.tls\.key is not a private key/],
    ['a key with a passphrase', pair(one, { key: encrypted(one.key) }), /^mqtt\.tls\.key has a passphrase/],
    ['a certificate for a key', pair(one, { key: one.cert }), /^mqtt\.tls\.key is not a private key/],
    ['an empty certificate', pair(one, { cert: '' }), /^mqtt\.tls\.cert has no certificate in PEM/],
    ['half a certificate', pair(one, { cert: one.cert.slice(0, 300) }), /^mqtt\.tls\.cert has no certificate/],
    ['half an intermediate', pair(one, { cert: one.cert + middle.cert.slice(0, 300) }), /^mqtt\.tls\.cert is cut off/],
    ['an own one cut off', pair(one, { cert: one.cert.slice(0, 300) + middle.cert }), /cert is cut off/],
    ['garbage in it', pair(one, { cert: one.cert.replace(/M.{40}/, 'M'.repeat(41)) }), /cert has .* damaged/],
    ['an empty file of authorities', pair(one, { ca: '' }), /^mqtt\.tls\.ca has no certificate/],
    ['a key for authorities', pair(one, { ca: other.key }), /^mqtt\.tls\.ca has no certificate/],
    ['half an authority', pair(one, { ca: AUTHORITY.cert + middle.cert.slice(0, 200) }), /^mqtt\.tls\.ca is cut off/],
  ];
  for (const [what, files, words] of cases) t.throws(() => tlsFilesOf(files), { message: words }, what);
});

t.test('what is no file of a usual size cannot be read, and nothing waits for it', async (t) => {
  const dir = t.testdir();
  const one = own();
  const paths = { key: join(dir, 'key'), cert: join(dir, 'cert'), ca: null };
  writeFileSync(paths.key, one.key);
  const faults = (words: RegExp, what: string): void => {
    t.throws(() => readTls(paths), { name: 'ConfigError', message: words }, what);
  };
  faults(/cert: mqtt\.tls\.cert cannot be read: ENOENT/, 'missing');
  writeFileSync(paths.cert, one.cert);
  t.same(readTls(paths), pair(one));
  writeFileSync(paths.cert, one.cert.padEnd(1024 * 1024 + 1));
  faults(/it has 1048577 bytes, more than 1048576/, 'large');
  mkdirSync(join(dir, 'folder'));
  paths.cert = join(dir, 'folder');
  faults(/mqtt\.tls\.cert cannot be read: /, 'a folder');
  if (platform === 'win32') return;
  paths.cert = join(dir, 'pipe');
  execFileSync('mkfifo', [paths.cert]);
  faults(/it is not a file/, 'a pipe');
});

t.test('the first end of a chain counts', async (t) => {
  const middle = issue({ name: 'middle', issuer: AUTHORITY, to: 20 });
  const one = own({ issuer: middle, to: 300 });
  const { chain } = certificatesOf(pair(one, { cert: `${one.cert}${middle.cert}` }));
  t.equal(Math.round((earliestEnd(chain) - Date.now()) / DAY_MS), 20);
});

t.test('a certificate out of time replaces none in time', async (t) => {
  const now = Date.now();
  const of = (one: Issued, more: Partial<TlsFiles> = {}) => certificatesOf(pair(one, more));
  const served = of(own({ to: 5 }));
  t.equal(whyNotReplace(of(own()), served, now), null);
  t.match(whyNotReplace(of(own({ from: -9, to: -1 })), served, now), /mqtt\.tls\.cert: CN=own ended on 20/);
  t.match(whyNotReplace(of(own({ from: 1 })), served, now), /CN=own begins on 20/);
  const middle = issue({ name: 'middle', issuer: AUTHORITY, to: -0.5 });
  const one = own({ issuer: middle });
  t.match(whyNotReplace(of(one, { cert: `${one.cert}${middle.cert}` }), served, now), /CN=middle ended on/);
  const gone = issue({ name: 'tills', to: -0.5 }).cert;
  t.match(whyNotReplace(of(own(), { ca: gone }), served, now), /mqtt\.tls\.ca: CN=tills ended on/);
  t.equal(whyNotReplace(of(own(), { ca: gone + AUTHORITY.cert }), served, now), null, 'one authority goes on');
});

t.test('where all are out of time, as by a wrong clock, the one that ends later is taken', async (t) => {
  const [older, newer] = [own({ to: 30 }), own({ to: 90 })].map((one) => certificatesOf(pair(one)));
  for (const now of [Date.now() - 450 * DAY_MS, Date.now() + 450 * DAY_MS]) {
    t.not(outOfTime(older!, now), null);
    t.equal(whyNotReplace(newer!, older!, now), null);
    t.not(whyNotReplace(older!, newer!, now), null);
  }
});
