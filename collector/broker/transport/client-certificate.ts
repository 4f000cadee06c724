/** The identity in a client certificate. */
import type { PeerCertificate, TLSSocket } from 'node:tls';
import { isId } from '../../../shared/ids.ts';

/** A subject alternative name `URI:tillstream:{merchant}/{terminal}`. */
const SCHEME = 'URI:tillstream:';

/**
 * `{merchant}/{terminal}` of a certificate that the configured authorities vouch for; null when
 * there is none, or when it names no till or several.
 */
export function certifiedName(socket: Pick<TLSSocket, 'authorized' | 'getPeerCertificate'>): string | null {
  if (!socket.authorized) return null;
  // Null once the socket is destroyed, empty where none was presented.
  const shown = socket.getPeerCertificate() as Partial<PeerCertificate> | null;
  const { subjectaltname = '' } = shown ?? {};
  // Node quotes names that contain a comma, and writes the comma as \u002c (CVE-2021-44532): no
  // till has such a name.
  const names = subjectaltname
    .split(', ')
    .filter((name) => name.startsWith(SCHEME))
    .map((name) => name.slice(SCHEME.length));
  const [name] = names;
  return names.length === 1 && name !== undefined && isTill(name) ? name : null;
}

function isTill(name: string): boolean {
  const [merchant, terminal, ...rest] = name.split('/');
  return isId(merchant) && isId(terminal) && rest.length === 0;
}
