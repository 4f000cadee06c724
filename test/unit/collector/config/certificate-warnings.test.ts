import t from 'tap';
import { certificateWarnings } from '../../../../collector/config/certificate-warnings.ts';
import { certificatesOf } from '../../../../collector/config/tls-files.ts';
import { type Issued, issue } from '../../../support/tls/issue-certificate.ts';

const ROOT = issue({ name: 'root', to: 1_000 });
const MIDDLE = issue({ name: 'middle', issuer: ROOT, to: 1_000 });
const OWN = issue({ name: 'own', issuer: MIDDLE, names: ['localhost'] });

const warnings = (chain: readonly Issued[], authorities: readonly Issued[] = []): string[] => {
  const text = (all: readonly Issued[]): string => all.map(({ cert }) => cert).join('');
  const ca = authorities.length === 0 ? null : text(authorities);
  return certificateWarnings(certificatesOf({ key: '', cert: text(chain), ca }), Date.now());
};

t.test('a chain that is whole and lasts has no warning', async (t) => {
  t.same(warnings([OWN, MIDDLE, ROOT]), [], 'with its root');
  t.same(warnings([OWN, MIDDLE], [ROOT]), [], 'its root also vouches for tills');
  t.same(warnings([issue({ name: 'alone', names: ['localhost'] })]), [], 'signed by itself');
});

t.test('what ends soon is named with its days, in all files', async (t) => {
  const own = issue({ name: 'own', issuer: MIDDLE, names: ['localhost'], from: -80, to: 12.5 });
  const middle = issue({ name: 'middle', issuer: ROOT, from: -300, to: 1.5 });
  const tills = issue({ name: 'tills', from: -300, to: 0.5 });
  t.match(warnings([own, MIDDLE, ROOT]), [/^mqtt\.tls\.cert: CN=own ends in 12 days, on 20\d\d-.*: renew it$/]);
  t.match(warnings([issue({ name: 'own', issuer: middle, names: ['localhost'] }), middle, ROOT], [ROOT, tills]), [
    /^mqtt\.tls\.cert: CN=middle ends in one day, /,
    /^mqtt\.tls\.ca: CN=tills ends today, .*; so do the certificates of tills/,
  ]);
  const short = issue({ name: 'own', issuer: MIDDLE, names: ['localhost'], from: -1, to: 5 });
  t.same(warnings([short, MIDDLE, ROOT]), [], 'one of six days has most of its time left');
});

t.test('what has ended, or not begun, is told once', async (t) => {
  const ended = issue({ name: 'own', issuer: MIDDLE, names: ['localhost'], from: -90, to: -1 });
  t.match(warnings([ended, MIDDLE, ROOT]), [/^mqtt\.tls\.cert: CN=own ended on .*: tills refuse it/]);
  const early = issue({ name: 'own', issuer: MIDDLE, names: ['localhost'], from: 1, to: 90 });
  t.match(warnings([early, MIDDLE, ROOT]), [/^mqtt\.tls\.cert: CN=own begins on /]);
});

t.test('an intermediate that is missing, or in another place, is named', async (t) => {
  t.match(warnings([OWN]), [/^mqtt\.tls\.cert: CN=own was issued by CN=middle, which is missing: .*append it$/]);
  t.match(warnings([OWN], [ROOT]), [/was issued by CN=middle, which is missing/], 'the root alone is not enough');
  t.match(warnings([OWN, ROOT]), [/^mqtt\.tls\.cert: CN=root stands behind CN=own and did not issue it: /]);
  t.match(warnings([OWN, ROOT, MIDDLE]), [/CN=root stands behind CN=own/]);
  const namesake = issue({ name: 'middle', issuer: ROOT });
  t.match(warnings([OWN, namesake, ROOT]), [/CN=middle stands behind CN=own and did not issue it/], 'by its key');
});
