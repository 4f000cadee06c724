/** What a running agent serves about itself: status, metrics and the support page. */
import packageJson from '../../package.json' with { type: 'json' };
import { openSqliteReader } from '../buffer/support/open-reader.ts';
import type { AgentConfig } from '../config/agent-config.ts';
import type { IngestCounters } from '../ingest/post-events.ts';
import type { AgentPages } from '../ingest/router.ts';
import type { InspectReport } from '../inspect/page/report.ts';
import type { CurrentShipper } from '../runtime/current-shipper.ts';
import { renderMetrics } from '../runtime/render-metrics.ts';
import { type AgentFacts, type AgentStatus, agentSamples, agentStatus } from './agent-status.ts';
import type { BufferFacts } from './buffer-facts.ts';
import type { SelfMonitor } from './self-monitor.ts';
import { usableDiskBytes } from './usable-disk.ts';

export interface StatusSources {
  readonly config: AgentConfig;
  readonly buffer: BufferFacts;
  readonly counters: IngestCounters;
  readonly shipping: CurrentShipper;
  readonly monitor: SelfMonitor;
  readonly clock: { now(): number };
}

export class StatusPages implements AgentPages {
  readonly #from: StatusSources;
  readonly #startedAt: number;

  constructor(sources: StatusSources) {
    this.#from = sources;
    this.#startedAt = sources.clock.now();
  }

  status(): AgentStatus {
    return agentStatus(this.#facts());
  }

  metrics(): Promise<{ readonly contentType: string; readonly body: string }> {
    return renderMetrics(agentSamples(this.#facts(), process.memoryUsage.rss()));
  }

  /** Loaded when somebody first asks: most tills are never inspected. */
  async inspect(): Promise<InspectReport> {
    const { inspectReport } = await import('./inspect-report.ts');
    const { config, monitor } = this.#from;
    return inspectReport(this.#facts(), monitor.connections.events(), () => openSqliteReader(config.buffer.path));
  }

  async page(): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: string }> {
    const { PAGE_HEADERS, page } = await import('../inspect/page/document.ts');
    return { headers: PAGE_HEADERS, body: page(await this.inspect()) };
  }

  #facts(): AgentFacts {
    const { config, buffer, counters, shipping, monitor, clock } = this.#from;
    return {
      config,
      version: packageJson.version,
      stream: buffer.stream,
      startedAt: this.#startedAt,
      buffer: buffer.stats(),
      ingest: counters,
      shipper: shipping.report(),
      now: clock.now(),
      history: monitor.history,
      latest: monitor.latest(),
      full: buffer.lastRefusal,
      diskBytes: usableDiskBytes(config.buffer.path, config.buffer.minFreeBytes),
    };
  }
}
