/** Checks who may post to the agent, as configured: `ingest.host` and the keys that open it. */
import type { ConfigFault } from '../../shared/config/config-validator.ts';
import { addressName, hostName, isLoopback } from '../ingest/http/host-name.ts';
import type { ConfigInput } from './config-schema.ts';

type IngestInput = NonNullable<ConfigInput['ingest']>;

/** As browsers write them: a scheme and a host, a port unless it is the scheme's own. */
const ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[^/?#@\s*]+$/i;

/** @returns null when the text is no origin */
function originOf(text: string): string | null {
  const given = text.replace(/\/$/, '');
  if (!ORIGIN.test(given) || !URL.canParse(given)) return null;
  const { origin } = new URL(given);
  // Of a scheme that it does not know, such as capacitor://localhost, URL tells no origin.
  return origin === 'null' ? given.toLowerCase() : origin;
}

export interface IngestAccess {
  readonly allowedOrigins: readonly string[];
  readonly allowedHosts: readonly string[];
}

/**
 * @param host that the agent listens on
 * @param faults gets what is wrong
 */
export function ingestAccess(host: string, ingest: IngestInput, faults: ConfigFault[]): IngestAccess {
  const { tokenFile, allowUnauthenticated = false } = ingest;
  const name = addressName(host);
  if ((name === null || !isLoopback(name)) && tokenFile === undefined && !allowUnauthenticated) {
    faults.push({
      pointer: '/ingest/host',
      detail:
        'lets everybody on the network post sales: give ingest.tokenFile, or set ingest.allowUnauthenticated: true if the network is trusted',
    });
  }
  if (tokenFile !== undefined && allowUnauthenticated)
    faults.push({ pointer: '/ingest/allowUnauthenticated', detail: 'excludes ingest.tokenFile: give one of the two' });
  const known = (key: keyof IngestAccess, read: (text: string) => string | null, hint: string): string[] =>
    (ingest[key] ?? []).flatMap((text, at) => {
      const value = read(text);
      if (value === null) faults.push({ pointer: `/ingest/${key}/${at}`, detail: hint });
      return value ?? [];
    });
  return {
    allowedOrigins: known(
      'allowedOrigins',
      originOf,
      'is not an origin: give what the browser sends, such as https://till.example, without a path; * and null stand for every page',
    ),
    allowedHosts: known(
      'allowedHosts',
      (text) => (/:\d+$/.test(text) && !text.includes('::') ? null : (hostName(text) ?? addressName(text))),
      'is not a host: give a name or an address without a port, such as till-1.shop.lan',
    ),
  };
}
