/** Options of a buffer that a benchmark opens: as the agent's, without limits of its own. */
import { randomBytes } from 'node:crypto';
import { freeBytes } from '../../../agent/buffer/disk/disk-usage.ts';
import type { BufferOptions } from '../../../agent/buffer/options.ts';
import { DisciplinedClock } from '../../../agent/clock/disciplined-clock.ts';
import { machineClocks } from '../../../agent/clock/machine-clocks.ts';
import { merchantId, terminalId } from '../../../shared/ids.ts';

export const bufferOptions = (path: string, merchant = 'bench', terminal = 'till-1'): BufferOptions => ({
  path,
  merchant: merchantId(merchant),
  terminal: terminalId(terminal),
  maxBytes: 8 * 2 ** 30,
  minFreeBytes: 0,
  keepAckedHours: 24,
  whenFull: 'reject',
  commitDelayMs: 0,
  clock: new DisciplinedClock(machineClocks()),
  randomBytes: (count) => randomBytes(count),
  damaged: (detail) => process.stderr.write(`${detail}\n`),
  diskFree: () => freeBytes(path),
});
