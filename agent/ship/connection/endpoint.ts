/** Where the collector is, and what is shown to it. */
import type { Buffer } from 'node:buffer';

export interface Address {
  /** Plain TCP, TLS, or TLS with MQTT in a WebSocket. */
  readonly protocol: 'mqtt' | 'mqtts' | 'wss';
  readonly host: string;
  readonly port: number;
  /** Of a WebSocket, from "/" on; else null. */
  readonly path: string | null;
}

export interface Credentials {
  /** Null with a client certificate. */
  readonly token: string | null;
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}
