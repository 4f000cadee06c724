/** The bad lines of the campaign: kinds of faults, each with a bandwidth and a delay by chance. */
import { seeded } from '../../simulate/random.ts';
import type { Scenario } from './scenario.ts';

export const scenario = (
  name: string,
  shape: Partial<Scenario['shape']>,
  more: Partial<Omit<Scenario, 'name' | 'shape'>>,
): Scenario => ({
  name,
  shape: { bytesPerSecond: 1_000, rttMs: 100, queueBytes: 16_384, loss: 0, idleCutMs: null, ...shape },
  sales: 100,
  large: false,
  silentAfterMs: null,
  silentIdle: false,
  portalMs: 0,
  laterEveryMs: [],
  ...more,
});

interface Draw {
  /** Evenly on a logarithmic scale. */
  readonly between: (from: number, to: number) => number;
  /** That the sales are to take. */
  readonly seconds: number;
}

interface Drawn extends Partial<Omit<Scenario, 'name' | 'shape'>> {
  readonly shape?: Partial<Scenario['shape']>;
}

const KINDS = {
  plain: () => ({}),
  loss: ({ between }) => ({ shape: { loss: between(0.001, 0.03) } }),
  idle: ({ between }) => {
    const idleCutMs = Math.round(between(20_000, 300_000));
    return { shape: { idleCutMs }, laterEveryMs: [1.1 * idleCutMs, 1.1 * idleCutMs] };
  },
  'half-open': ({ between, seconds }) => ({ silentAfterMs: Math.round(between(1_000, seconds * 500)) }),
  /** Nobody notices before the next sale, or a ping. */
  'half-open-idle': () => ({ silentIdle: true, laterEveryMs: [5_000, 5_000] }),
  portal: ({ between }) => ({ portalMs: Math.round(between(5_000, 30_000)) }),
  large: () => ({ large: true }),
  /** The large sale takes longer than one and a half keep-alives. */
  'large-slow': ({ between }) => ({ shape: { bytesPerSecond: Math.round(between(200, 320)) }, large: true }),
  /** All at the end of their ranges. */
  worst: () => ({ shape: { bytesPerSecond: 200, rttMs: 1_500, loss: 0.03 } }),
} as const satisfies Record<string, (draw: Draw) => Drawn>;

export const KIND_NAMES: readonly string[] = Object.keys(KINDS);
type Kind = keyof typeof KINDS;
const BYTES_PER_SALE = 20;

/** @param kinds in turn @param seconds that each line is to take at its own speed, about */
export function randomScenarios(count: number, seconds: number, seed: number, kinds = KIND_NAMES): Scenario[] {
  const random = seeded(seed);
  const between = (from: number, to: number): number => from * (to / from) ** random();
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % kinds.length] as Kind;
    const { shape: special, ...more }: Drawn = KINDS[kind]({ between, seconds });
    const shape = {
      bytesPerSecond: Math.round(between(200, 20_000)),
      rttMs: Math.round(between(20, 1_500)),
      queueBytes: Math.round(between(2_048, 65_536)),
      ...special,
    };
    const sales = Math.max(2, Math.round((shape.bytesPerSecond * seconds) / BYTES_PER_SALE));
    return scenario(`${kind}-${index}`, shape, { sales, ...more });
  });
}
