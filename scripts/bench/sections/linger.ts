/** Cost and benefit of lingering: batches, bytes and latency at several rates of single sales. */
import { randomBytes } from 'node:crypto';
import { System } from '../load/test-system.ts';
import { quantile, type Section } from '../measure/report.ts';
import { latencies } from './visibility-latency.ts';

interface Counters {
  readonly batchesSent: number;
  readonly bytesSent: number;
}

async function countersOf(url: string): Promise<Counters> {
  return ((await (await fetch(`${url}/v1/status`)).json()) as { counters: Counters }).counters;
}

/** @param seconds for each rate; the slowest gets more */
export async function linger(seconds: number): Promise<Section> {
  const rows = [];
  for (const rate of [1, 10, 100, 1_000]) {
    await using system = await System.start({ merchant: `bench-${randomBytes(4).toString('hex')}`, agents: 1 });
    const visible = await latencies(system, rate, rate === 1 ? 2 * seconds : seconds);
    const { batchesSent, bytesSent } = await countersOf(system.agents[0]!.url);
    rows.push({
      'events/s': rate,
      'batches/event': batchesSent / visible.length,
      'bytes/event': bytesSent / visible.length,
      'visible p50 ms': quantile(visible, 0.5),
      'p99 ms': quantile(visible, 0.99),
    });
  }
  return {
    name: 'Lingering',
    how: 'Single posts to one agent at an even rate, until the API counts them (it is asked every 20 ms).',
    rows,
  };
}
