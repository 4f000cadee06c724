/** Figures for Prometheus. The library is loaded when somebody first asks: most tills are never scraped, and it takes a megabyte. */
export interface Sample {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly value: number;
}

/** @param samples as they are now */
export async function renderMetrics(samples: readonly Sample[]): Promise<{ contentType: string; body: string }> {
  const { Counter, Gauge, Registry } = await import('prom-client');
  const registry = new Registry();
  for (const { name, help, kind, value } of samples) {
    if (kind === 'counter') new Counter({ name, help, registers: [registry] }).inc(value);
    else new Gauge({ name, help, registers: [registry] }).set(value);
  }
  return { contentType: registry.contentType, body: await registry.metrics() };
}
