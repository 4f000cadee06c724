/** What a valid configuration leaves open that an operator should know. */
import { BlockList, isIP } from 'node:net';
import type { CollectorConfig } from './collector-config.ts';

const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** One sentence each, which says what to do. */
export function warningsOf({ mqtt }: CollectorConfig): string[] {
  if (mqtt.tls !== null || mqtt.allowPlaintext) return [];
  const ports = [
    { key: 'mqtt', ...mqtt },
    ...(mqtt.websocket === null ? [] : [{ key: 'mqtt.websocket', ...mqtt.websocket }]),
  ];
  return ports
    .filter(({ host }) => !isLoopback(host))
    .map(
      ({ key, host, port }) =>
        `${key} takes tokens and sales in plain text on ${host}:${port}: give mqtt.tls, or say mqtt.allowPlaintext: true where TLS ends before it`,
    );
}

function isLoopback(host: string): boolean {
  const family = isIP(host);
  if (family === 0) return host === 'localhost';
  return LOOPBACK.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
