/** Issues X.509 certificates for tests, valid as long as a test wants: DER by hand, on P-256. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** PEM texts. */
export interface Issued {
  readonly key: string;
  readonly cert: string;
  readonly name: string;
}

export interface Wanted {
  /** Common name. */
  readonly name: string;
  /** Null: signed by itself. */
  readonly issuer?: Issued | null;
  /** Default: an authority. */
  readonly names?: readonly string[];
  /** Days from now; default: yesterday to in a year. */
  readonly from?: number;
  readonly to?: number;
}

const DAY_MS = 86_400_000;
const CONTEXT = 0xa0;
const [BOOLEAN, INTEGER, BITS, OCTETS, OID, UTF8, UTC, TIME, SEQUENCE, SET] = [1, 2, 3, 4, 6, 12, 23, 24, 48, 49];

function der(tag: number | undefined, ...parts: Uint8Array[]): Buffer {
  const body = Buffer.concat(parts);
  const { length } = body;
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Buffer.from([tag!, ...size]), body]);
}
const bytes = (...values: number[]): Buffer => Buffer.from(values);
const oid = (hex: string): Buffer => der(OID, Buffer.from(hex, 'hex'));
const ECDSA_SHA256 = der(SEQUENCE, oid('2a8648ce3d040302'));
const nameOf = (text: string): Buffer =>
  der(SEQUENCE, der(SET, der(SEQUENCE, oid('550403'), der(UTF8, Buffer.from(text)))));

/** RFC 5280: UTCTime until 2049, GeneralizedTime from then on. */
function time(days: number): Buffer {
  const text = new Date(Date.now() + days * DAY_MS).toISOString().replace(/[-:T]|\.\d+/g, '');
  return Number(text.slice(0, 4)) < 2050 ? der(UTC, Buffer.from(text.slice(2))) : der(TIME, Buffer.from(text));
}

const critical = (id: string, ...body: Buffer[]): Buffer =>
  der(SEQUENCE, oid(id), der(BOOLEAN, bytes(255)), der(OCTETS, ...body));

/** `URI:…`, an address, or a host's name. */
function alternative(name: string): Buffer {
  if (name.startsWith('URI:')) return der(0x86, Buffer.from(name.slice(4)));
  if (/^[\d.]+$/.test(name)) return der(0x87, bytes(...name.split('.').map(Number)));
  return der(0x82, Buffer.from(name));
}

const pem = (cert: Buffer): string =>
  `-----BEGIN CERTIFICATE-----\n${cert
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n')}\n-----END CERTIFICATE-----\n`;

let serial = 0x0100;

export function issue({ name, issuer = null, names, from = -1, to = 365 }: Wanted): Issued {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
  serial++;
  const extension = names
    ? critical('551d11', der(SEQUENCE, ...names.map(alternative)))
    : critical('551d13', der(SEQUENCE, der(BOOLEAN, bytes(255))));
  const body = der(
    SEQUENCE,
    der(CONTEXT, der(INTEGER, bytes(2))),
    der(INTEGER, bytes(serial >> 8, serial & 255)),
    ECDSA_SHA256,
    nameOf(issuer?.name ?? name),
    der(SEQUENCE, time(from), time(to)),
    nameOf(name),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(CONTEXT + 3, der(SEQUENCE, extension)),
  );
  const signer: string | KeyObject = issuer?.key ?? key;
  const signature = sign('sha256', body, signer);
  return { key, name, cert: pem(der(SEQUENCE, body, ECDSA_SHA256, der(BITS, bytes(0), signature))) };
}
