/** A tunnel through a forward proxy: HTTP's CONNECT (RFC 9110, section 9.3.6). */
import { Buffer } from 'node:buffer';
import type { Socket } from 'node:net';
import type { Route } from './dial.ts';
import type { ForwardProxy } from './endpoint.ts';

/** An answer's head is longer only in error. */
const MAX_HEAD_BYTES = 16 * 1024;
const END = '\r\n\r\n';

const EXPLAINED: Readonly<Record<string, string>> = {
  407: 'the proxy wants a user name and password: give collector.proxy as http://USER:PASSWORD@HOST:PORT',
  403: 'the proxy does not allow a connection to the collector',
};

/** @param socket to the proxy @throws what the proxy answers, explained */
export async function tunnel(socket: Socket, { credentials }: ForwardProxy, { host, port }: Route): Promise<void> {
  const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
  const basic =
    credentials === null ? '' : `Proxy-Authorization: Basic ${Buffer.from(credentials).toString('base64')}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n${basic}\r\n`);
  const head = await answerHead(socket);
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status === undefined) throw new Error('the server at collector.proxy is no HTTP proxy: is the port right?');
  if (!status.startsWith('2'))
    throw new Error(EXPLAINED[status] ?? `the proxy cannot reach the collector (HTTP ${status})`);
}

function answerHead(socket: Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = Buffer.alloc(0);
    const done = (act: () => void): void => {
      socket.off('data', read).off('error', fail).off('close', closed).pause();
      act();
    };
    const read = (chunk: Buffer): void => {
      bytes = Buffer.concat([bytes, chunk]);
      const end = bytes.indexOf(END);
      if (end >= 0)
        done(() => {
          const rest = bytes.subarray(end + END.length);
          if (rest.length > 0) socket.unshift(rest);
          resolve(bytes.toString('latin1', 0, end));
        });
      else if (bytes.length > MAX_HEAD_BYTES) done(() => resolve(''));
    };
    const fail = (error: Error): void => done(() => reject(error));
    const closed = (): void => done(() => reject(new Error('the proxy closed the connection')));
    socket.on('data', read).on('error', fail).on('close', closed);
  });
}
