/** Baseline of the machine itself, as a scale for the other figures. */

import { once } from 'node:events';
import { closeSync, fdatasyncSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createConnection, createServer } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { median, type Section } from '../measure/report.ts';

const SYNCS = 200;
const PING_ROUNDS = 2_000;

/** Appends of one 4 KiB page, each followed by fsync. @returns median milliseconds */
function syncMilliseconds(folder: string): number {
  mkdirSync(folder, { recursive: true });
  const file = path.join(folder, 'sync-probe');
  const fd = openSync(file, 'w');
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: SYNCS }, () => {
    const start = performance.now();
    writeSync(fd, page);
    fdatasyncSync(fd);
    return performance.now() - start;
  });
  closeSync(fd);
  rmSync(file);
  return median(times);
}

/** Round trip of a byte on loopback within this process. @returns median milliseconds */
async function loopbackMilliseconds(): Promise<number> {
  const server = createServer((socket) => socket.setNoDelay(true).pipe(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = createConnection((server.address() as AddressInfo).port, '127.0.0.1').setNoDelay(true);
  await once(socket, 'connect');
  const times: number[] = [];
  for (let i = 0; i < PING_ROUNDS; i++) {
    const start = performance.now();
    socket.write('x');
    await once(socket, 'data');
    times.push(performance.now() - start);
  }
  socket.destroy();
  server.close();
  return median(times);
}

export async function limits(folder: string): Promise<Section> {
  const sync = syncMilliseconds(folder);
  return {
    name: 'The machine',
    how: `${os.cpus().length} cores of ${os.cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(os.totalmem() / 2 ** 30)} GiB, Node ${process.version}.`,
    rows: [
      { limit: 'append of 4 KiB with fdatasync, ms', value: sync },
      { limit: 'such commits a second', value: 1000 / sync },
      { limit: 'loopback round trip, ms', value: await loopbackMilliseconds() },
    ],
  };
}
