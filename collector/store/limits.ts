/** The limits of collector/store: how long and how much may wait for SQLite. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

const MIB = 1024 * 1024;

export const STORE_LIMITS = {
  lockWait: {
    value: 2_000,
    unit: 'ms',
    why: 'How long a write of a collector waits for another process that keeps the SQLite file locked, before its batches are answered busy. Commits of others take milliseconds.',
  },
  commandLockWait: {
    value: 5_000,
    unit: 'ms',
    why: 'How long a write of a command waits likewise: between two commits of a busy collector is little time.',
  },
  callWait: {
    value: 20_000,
    unit: 'ms',
    why: 'A call that SQLite has not answered by then is given up; a write may still happen. A disk that takes seconds to sync goes on storing.',
  },
  waitingCalls: {
    value: 4_096,
    unit: 'count',
    why: 'Calls that wait for the thread that reads, and for the one that writes; one beyond is refused. Batches, statuses and roll-ups make few at a time, and so do answers.',
  },
  waitingBytes: {
    value: 64 * MIB,
    unit: 'bytes',
    why: 'Bytes of calls that wait likewise; one beyond is refused unless it is alone. A commit of batches has 1 MiB, a roll-up some.',
  },
  activations: {
    value: 1_000,
    unit: 'count',
    why: 'Activations and rollbacks of logic versions that a store remembers, each with its time. It is one a day for three years.',
  },
  activatedMerchants: {
    value: 10_000,
    unit: 'count',
    why: 'Merchants that activations of a logic version may name: a trial has some. All API processes read the list twice a second.',
  },
} as const satisfies Limits;
