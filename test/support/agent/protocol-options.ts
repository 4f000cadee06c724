/** What a collector protocol under test works with: fake timers, a confirmed clock, and nobody listening. */
import type { Outbox } from '../../../agent/port/outbox.ts';
import { ArrivalRate } from '../../../agent/ship/batching/arrival-rate.ts';
import { unknownCollector, zeroCounters } from '../../../agent/ship/status/collector-state.ts';
import { CollectorClock } from '../../../agent/ship/status/collector-time.ts';
import { NOW, TERMINAL } from './events.ts';
import type { FakeTimers } from './fake-timers.ts';

export function protocolOptions(outbox: Outbox, timers: FakeTimers, random: () => number) {
  return {
    outbox,
    terminal: TERMINAL,
    version: '1',
    arrivals: new ArrivalRate(),
    lingerMs: 50,
    oldestRequest: () => null,
    now: () => NOW,
    wallClock: () => NOW,
    onCollectorTime: () => {},
    backlogSent: () => {},
    random,
    timers,
    collectorClock: new CollectorClock(),
    view: unknownCollector(),
    counters: zeroCounters(),
  };
}
