/**
 * Contract of what ingest puts while the collector's own clock is wrong, on any store: what was
 * acknowledged can be read, for as long as any other row.
 */
import { randomBytes } from 'node:crypto';
import type { Test } from 'tap';
import { Ingest } from '../../collector/ingest/ingest.ts';
import { DueMarks } from '../../collector/store/due-marks.ts';
import { EventLog } from '../../collector/store/event-log.ts';
import { Finality } from '../../collector/store/finality.ts';
import type { Tables } from '../../collector/store/tables.ts';
import { Terminals } from '../../collector/store/terminals.ts';
import { epoch, terminalId } from '../../shared/ids.ts';
import { DAY_MS, hourOf } from '../../shared/time.ts';
import { batchOf } from '../support/collector/batches.ts';
import { Counts, INGEST_BOUNDS, ingestMetrics } from '../support/collector/broker-and-ingest.ts';
import { EPOCH } from '../support/collector/mqtt-till.ts';
import { DIGEST_KEY } from '../support/collector/raw-rows.ts';
import { freshMerchant } from '../support/region/fresh.ts';

const GROUPS = {
  maxGroups: 2,
  maxRows: 100,
  maxBytes: 1_000_000,
  maxWaitMs: 20_000,
  maxSilentMs: 20_000,
  gatherMs: 20,
};
/** The store's clock and the test's may differ by that. */
const SAME_MS = 60_000;

/** How much the collector's clock is ahead, milliseconds. */
const ERRORS: Readonly<Record<string, number>> = {
  '450 days behind, more than rows are kept': -450 * DAY_MS,
  '390 days behind, so that rows would expire in ten': -390 * DAY_MS,
  'in 1970': -Date.now(),
  'a day ahead': DAY_MS,
  'a year ahead': 365 * DAY_MS,
  'in 2099': Date.UTC(2099, 0) - Date.now(),
};

export async function wrongClockContract(t: Test, open: () => Promise<Tables>): Promise<void> {
  const tables = await open();
  await tables.init();
  const log = new EventLog(tables, DIGEST_KEY);
  const collector = (errorMs: () => number) =>
    new Ingest({
      ...{ log, marks: new DueMarks(tables, () => randomBytes(8).toString('hex')), terminals: new Terminals(tables) },
      finality: new Finality(tables),
      ...{ now: () => Date.now() + errorMs(), clock: () => performance.now(), random: () => 0.5, graceMs: 120_000 },
      ...INGEST_BOUNDS,
      ...{ groups: GROUPS, metrics: ingestMetrics(new Counts()), onFailure: () => undefined },
    });
  const hour = hourOf(Date.now());
  const place = { terminal: terminalId('till-1'), epoch: epoch(EPOCH) };
  const arrivals = async (merchant: ReturnType<typeof freshMerchant>) =>
    (await Array.fromAsync(log.scan(merchant, hour, hour + 1))).map(({ arrival }) => arrival);
  try {
    for (const [name, errorMs] of Object.entries(ERRORS)) {
      await t.test(`a collector whose clock is ${name}: what it acknowledged has arrived now`, async (t) => {
        const merchant = freshMerchant();
        const ingest = collector(() => errorMs);
        const sent = [...Array(6).keys()].map((seq) => batchOf(seq + 1, seq + 1, { hour }));
        const first = await ingest.onBatch({ ...place, merchant }, sent[0]!.bytes);
        const others = await Promise.all(
          sent.slice(1).map(({ bytes }) => ingest.onBatch({ ...place, merchant }, bytes)),
        );
        t.ok([first, ...others].every(({ result }) => result === 'stored'));
        const arrived = await arrivals(merchant);
        t.equal(arrived.length, sent.length);
        t.ok(arrived.every((arrival) => Math.abs(arrival - Date.now()) < SAME_MS));
      });
    }

    await t.test('a collector whose clock is set back and ahead: batches arrive in the order they came', async (t) => {
      const merchant = freshMerchant();
      let errorMs = 0;
      const ingest = collector(() => errorMs);
      const errors = [0, -450 * DAY_MS, 365 * DAY_MS, -DAY_MS, 0];
      for (const [at, error] of errors.entries()) {
        errorMs = error;
        const ack = await ingest.onBatch({ ...place, merchant }, batchOf(at + 1, at + 1, { hour }).bytes);
        t.equal(ack.result, 'stored');
      }
      const arrived = await arrivals(merchant);
      t.equal(arrived.length, errors.length);
      t.same(
        arrived,
        arrived.toSorted((a, b) => a - b),
      );
    });
  } finally {
    await tables.close();
  }
}
