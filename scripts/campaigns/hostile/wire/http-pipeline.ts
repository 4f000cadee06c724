/** HTTP requests by hand: pipelined on one connection, their answers read or not. */
import { Buffer } from 'node:buffer';
import { setTimeout as wait } from 'node:timers/promises';
import type { Network } from './network.ts';

const ANSWER = Buffer.from('HTTP/1.1 ');
const REOPEN_MS = 20;
const POLL_MS = 5;

export function getRequest(path: string, key?: string): Buffer {
  const authorization = key === undefined ? '' : `Authorization: Bearer ${key}\r\n`;
  return Buffer.from(`GET ${path} HTTP/1.1\r\nHost: collector\r\n${authorization}\r\n`);
}

/** Counts answers by their status lines. */
class AnswerCounter {
  answers = 0;
  #rest: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): void {
    const bytes = Buffer.concat([this.#rest, chunk]);
    for (let at = bytes.indexOf(ANSWER); at >= 0; at = bytes.indexOf(ANSWER, at + ANSWER.length)) this.answers++;
    this.#rest = bytes.subarray(Math.max(0, bytes.length - ANSWER.length + 1));
  }
}

export interface Pipeline {
  readonly port: number;
  readonly request: Buffer;
  /** Requests without an answer at a time. */
  readonly underWay: number;
}

/** Keeps so many requests under way on one connection; opens another when it is closed. */
export async function pipeline(network: Network, { port, request, underWay }: Pipeline, signal: AbortSignal) {
  while (!signal.aborted) {
    const line = await network.open(port);
    const counter = new AnswerCounter();
    line.onData((chunk) => counter.push(chunk));
    for (let sent = 0; !signal.aborted && !line.isClosed; ) {
      const room = underWay - (sent - counter.answers);
      if (room > 0) await line.write(Buffer.concat(Array<Buffer>(room).fill(request)));
      sent += Math.max(0, room);
      await wait(POLL_MS);
    }
    await wait(REOPEN_MS);
  }
}

/** Asks as long as the connection takes questions, and reads no answer. */
export async function askWithoutReading(network: Network, port: number, request: Buffer, signal: AbortSignal) {
  while (!signal.aborted) {
    const line = await network.open(port);
    line.stopReading();
    while (!signal.aborted && (await line.write(request))) await wait(POLL_MS);
    await wait(REOPEN_MS);
  }
}
