/**
 * Renders metrics in Prometheus' text format. The library takes a megabyte and most tills are never
 * scraped, so it is loaded on the first scrape.
 */
export interface Sample {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
}

/** @param samples current values */
export async function renderMetrics(samples: readonly Sample[]): Promise<{ contentType: string; body: string }> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { name, help, kind, value } of samples) {
    if (kind === 'counter') new Counter({ name, help, registers: [registry] }).inc(value);
    else new Gauge({ name, help, registers: [registry] }).set(value);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}
