/**
 * Divides the file handles of the process, so that tills and the API never take each other's: a
 * connection beyond its share is refused, where one beyond the system's limit would take down
 * whatever needs a handle next.
 */

/** For the store's files, logs, timers and DNS; HBase's connections are few. */
const RESERVE = 256;
/** Of a limit too low for all, what the API and handshakes get at most: sessions come first. */
const HTTP_SHARE = 0.25;
const HANDSHAKE_SHARE = 0.2;

export interface Connections {
  readonly http: number;
  /** Of tills; 0: the process takes none. */
  readonly sessions: number;
  /** Of tills that are not sessions yet. */
  readonly handshakes: number;
}

export interface Shares extends Connections {
  /** Tells the operator what is missing; null: nothing. */
  readonly warning: string | null;
}

/**
 * @param wanted as configured
 * @param limit how many files the process may open; null: unknown
 */
export function shareFileHandles(wanted: Connections, limit: number | null): Shares {
  const needed = wanted.http + wanted.sessions + wanted.handshakes + RESERVE;
  if (limit === null || needed <= limit) return { ...wanted, warning: null };
  const left = Math.max(3, limit - Math.min(RESERVE, Math.floor(limit / 4)));
  const share = (connections: number, most: number): number => Math.min(connections, Math.max(1, Math.floor(most)));
  const hasTills = wanted.sessions > 0;
  const http = share(wanted.http, hasTills ? left * HTTP_SHARE : left);
  const handshakes = hasTills ? share(wanted.handshakes, left * HANDSHAKE_SHARE) : 0;
  const sessions = hasTills ? share(wanted.sessions, left - http - handshakes) : 0;
  const warning = `the process may open ${limit} files, and needs ${needed} for the configured connections: at most ${sessions} tills and ${http} HTTP connections are taken. Raise the limit (LimitNOFILE in systemd, ulimit -n), or lower mqtt.maxConnections`;
  return { http, sessions, handshakes, warning };
}

/** How many files this process may open; null: unknown. Node has raised it to what is allowed. */
export function openFileLimit(): number | null {
  // The report would look up names of peers.
  Object.assign(process.report, { excludeNetwork: true });
  const { userLimits } = process.report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } };
  const soft = userLimits?.open_files?.soft;
  return typeof soft === 'number' ? soft : null;
}
