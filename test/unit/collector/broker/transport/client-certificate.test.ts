import type { PeerCertificate } from 'node:tls';
import t from 'tap';
import { certifiedName } from '../../../../../collector/broker/transport/client-certificate.ts';

const named = (subjectaltname: string | undefined, authorized = true): string | null =>
  certifiedName({ authorized, getPeerCertificate: () => ({ subjectaltname }) as PeerCertificate } as never);

t.test('a certificate that an authority vouches for names its till, beside other names', async (t) => {
  t.equal(named('URI:tillstream:acme/till-1'), 'acme/till-1');
  t.equal(named('DNS:till-1.example, URI:tillstream:acme/till-1, IP Address:10.0.0.1'), 'acme/till-1');
});

t.test('nobody vouches for it: it names nobody', async (t) => {
  t.equal(named('URI:tillstream:acme/till-1', false), null);
});

t.test('no till, two tills, or what is no till, name nobody', async (t) => {
  for (const names of [
    undefined,
    '',
    'DNS:acme',
    'URI:tillstream:acme/till-1, URI:tillstream:acme/till-2',
    'URI:tillstream:acme',
    'URI:tillstream:acme/till-1/x',
    'URI:tillstream:Acme/till-1',
    'URI:TILLSTREAM:acme/till-1',
    'DNS:tillstream:acme/till-1',
  ])
    t.equal(named(names), null, String(names));
});

t.test('a name within another, as Node writes it, is none', async (t) => {
  t.equal(named(String.raw`DNS:"evil\u002c URI:tillstream:acme/till-1\u002c x"`), null);
});

t.test('a destroyed socket shows no certificate', async (t) => {
  t.equal(certifiedName({ authorized: true, getPeerCertificate: () => null } as never), null);
});
