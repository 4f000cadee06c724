/** Asks a running agent for its status: only it knows why it is not shipping. */
import { get } from 'node:http';
import type { AgentHealth } from './health.ts';

const TIMEOUT_MS = 1_500;
const MAX_BYTES = 4 * 1024 * 1024;

/** The fields of `/v1/status` that the commands use. */
export interface LiveStatus {
  readonly version: string;
  readonly merchant: string;
  readonly terminal: string;
  /** Null while no buffer is open. */
  readonly stream: string | null;
  readonly startedAt: string;
  readonly state: AgentHealth;
  readonly shipping: { readonly state: string; readonly connected: boolean; readonly words: string };
  readonly buffer: { readonly hoursUntilFull?: number | null };
}

const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

const isStatus = (value: unknown): value is LiveStatus =>
  isObject(value) &&
  typeof value.version === 'string' &&
  isObject(value.state) &&
  Array.isArray(value.state.words) &&
  isObject(value.shipping) &&
  isObject(value.buffer);

/** Where a running agent listens, and the token that it asks for. */
export interface AgentAddress {
  readonly host: string;
  readonly port: number;
  readonly token: string | null;
}

/** @returns the answer's JSON; null when there is no usable answer */
export function askAgent({ host, port, token }: AgentAddress, path: string): Promise<unknown> {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  const to = host === '0.0.0.0' || host === '::' || host === 'localhost' ? '127.0.0.1' : host;
  return new Promise((resolve) => {
    const request = get({ host: to, port, path, headers, timeout: TIMEOUT_MS, agent: false }, (response) => {
      let text = '';
      response
        .setEncoding('utf8')
        .on('data', (chunk: string) => {
          text += chunk;
          if (text.length > MAX_BYTES) request.destroy();
        })
        .on('end', () => {
          try {
            resolve(response.statusCode === 200 ? JSON.parse(text) : null);
          } catch {
            resolve(null);
          }
        })
        .on('error', () => resolve(null));
    });
    request.on('timeout', () => request.destroy()).on('error', () => resolve(null));
    request.on('close', () => resolve(null));
  });
}

/** @returns null when no agent of this terminal answers at the address */
export async function liveStatus(
  address: AgentAddress,
  { merchant, terminal }: { readonly merchant: string; readonly terminal: string },
): Promise<LiveStatus | null> {
  if (address.port === 0) return null;
  const status = await askAgent(address, '/v1/status');
  return isStatus(status) && status.merchant === merchant && status.terminal === terminal ? status : null;
}
