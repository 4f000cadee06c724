/** All attacks, in the order in which they run. */
import type { Attack } from './attack.ts';
import { CLAIMS } from './claims.ts';
import { CONNECTION_ATTACKS } from './connections.ts';
import { EXPANDING_BATCHES } from './expanding-batches.ts';
import { HTTP_QUESTIONS } from './http-questions.ts';
import { PACKET_ATTACKS } from './packets.ts';
import { REWRITING } from './rewriting.ts';
import { ROLL_UPS } from './roll-ups.ts';
import { STORAGE } from './storage.ts';

export const ATTACKS: readonly Attack[] = [
  ...EXPANDING_BATCHES,
  ...ROLL_UPS,
  ...HTTP_QUESTIONS,
  ...CONNECTION_ATTACKS,
  ...PACKET_ATTACKS,
  ...CLAIMS,
  ...STORAGE,
  ...REWRITING,
];
