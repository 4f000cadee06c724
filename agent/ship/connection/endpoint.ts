/** The collector's address, and the credentials for it. */
import type { Buffer } from 'node:buffer';

/** A forward proxy (HTTP CONNECT). */
export interface ForwardProxy {
  readonly host: string;
  readonly port: number;
  /** `USER:PASSWORD`; null without. */
  readonly credentials: string | null;
}

export interface Address {
  /** Plain TCP, TLS, or TLS with MQTT in a WebSocket. */
  readonly protocol: 'mqtt' | 'mqtts' | 'wss';
  readonly host: string;
  readonly port: number;
  /** Path of a WebSocket URL, from "/" on; otherwise null. */
  readonly path: string | null;
  /** On the way; without one the connection is direct. */
  readonly proxy?: ForwardProxy;
}

export interface Credentials {
  /** Null when a client certificate is used instead. */
  readonly token: string | null;
  readonly ca: Buffer | null;
  readonly cert: Buffer | null;
  readonly key: Buffer | null;
}
