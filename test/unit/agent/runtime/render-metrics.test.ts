import t from 'tap';
import { renderMetrics } from '../../../../agent/runtime/render-metrics.ts';

t.test('samples are in the Prometheus format, and can be asked for again', async (t) => {
  const samples = [
    { name: 'a_total', help: 'How many.', kind: 'counter', value: 7 },
    { name: 'b', help: 'How much.', kind: 'gauge', value: -1.5 },
  ] as const;
  for (let time = 0; time < 2; time++) {
    const { body } = await renderMetrics(samples);
    t.match(body, /# HELP a_total How many\.\n# TYPE a_total counter\na_total 7\n/);
    t.match(body, /# TYPE b gauge\nb -1\.5\n/);
  }
});
