/** The forward proxy on the way to the collector: `collector.proxy`, or the environment's. */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface CollectorProxy {
  readonly host: string;
  readonly port: number;
  /** `USER:PASSWORD`; null without. */
  readonly credentials: string | null;
}

/**
 * @param text `collector.proxy`
 * @returns null: there is none; a text: what is wrong with it
 */
export function proxyOf(text: string | undefined, environment: Environment): CollectorProxy | null | string {
  const given = text ?? environment.HTTPS_PROXY ?? environment.https_proxy ?? '';
  return given === '' ? null : parsedProxy(given);
}

function parsedProxy(text: string): CollectorProxy | string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.protocol !== 'http:' || url.hostname === '' || url.pathname.length > 1)
    return 'is not a proxy address: give http://HOST:PORT, or http://USER:PASSWORD@HOST:PORT';
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? 80 : Number(url.port),
    credentials: url.username === '' ? null : user,
  };
}

/** Names and suffixes that are reached directly: the environment's `NO_PROXY`. */
function isDirect(host: string, direct: string): boolean {
  return direct
    .split(',')
    .map((entry) =>
      entry
        .trim()
        .toLowerCase()
        .replace(/^\*?\./, ''),
    )
    .some((entry) => entry === '*' || (entry !== '' && (host === entry || host.endsWith(`.${entry}`))));
}

/** Only `wss` goes through a proxy: other ports than 443 are seldom allowed there. */
export const withProxy = <A extends { readonly protocol: string; readonly host: string }>(
  address: A,
  proxy: CollectorProxy | null | string,
  direct = '',
): A & { readonly proxy?: CollectorProxy } =>
  proxy === null || typeof proxy === 'string' || address.protocol !== 'wss' || isDirect(address.host, direct)
    ? address
    : { ...address, proxy };
