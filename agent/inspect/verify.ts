/**
 * `verify`: checks that each row is what was written and that each assigned seq is accounted for.
 */
import { setImmediate } from 'node:timers/promises';
import type { BufferAccount, BufferReader } from '../port/buffer-reader.ts';
import { type DamageSurvey, describeSurvey, surveyDamage } from './facts/damage-survey.ts';
import type { CliOutput } from './terminal/cli-output.ts';
import type { Colors } from './terminal/colors.ts';
import { count, number } from './terminal/format.ts';
import { list, printable } from './terminal/table.ts';

type Figures = Omit<BufferAccount, 'problems'>;

export type Verification = {
  readonly sound: boolean;
  /** Descriptions of what is wrong. */
  readonly problems: readonly string[];
} & (Figures | typeof UNKNOWN);

/** Null instead of 0: nothing was counted. */
const UNKNOWN = {
  pending: null,
  acked: null,
  quarantined: null,
  gone: null,
  lost: null,
  losses: null,
  damaged: null,
  unaccounted: null,
} as const satisfies Record<keyof Figures, null>;

export async function verify(reader: BufferReader, progress: (share: number) => void): Promise<Verification> {
  try {
    const slices = reader.account();
    for (;;) {
      const { done, value } = slices.next();
      if (done) return { sound: value.problems.length === 0, ...value };
      progress(value);
      await setImmediate();
    }
  } catch (error) {
    return { sound: false, ...UNKNOWN, problems: [`the file cannot be read to its end: ${(error as Error).message}`] };
  }
}

function figuresTable(
  { pending, acked, quarantined, gone, lost, losses, damaged, unaccounted }: Figures,
  colors: Colors,
): string {
  const bad = (value: number): string => (value === 0 ? '0' : colors.bad(number(value)));
  return list(
    [
      ['pending', number(pending)],
      ['acknowledged', `${number(acked)}, and ${number(gone)} expired`],
      ['quarantined', number(quarantined)],
      ['lost', `${number(lost)} without a row; the ledger has ${count(losses, 'record')}`],
      ['damaged', bad(damaged)],
      ['unaccounted for', bad(unaccounted)],
    ],
    colors,
  );
}

/** @returns whether the file is sound */
export async function showVerify(reader: BufferReader, json: boolean, output: CliOutput): Promise<boolean> {
  const result = await verify(reader, (share) => output.progress('verifying', share));
  const readable: DamageSurvey | null =
    result.pending === null ? await surveyDamage(reader, (share) => output.progress('reading', share)) : null;
  output.progress('verifying', 1);
  const { sound, problems } = result;
  if (json) {
    await output.result(`${JSON.stringify(readable === null ? result : { ...result, readable })}\n`);
    return sound;
  }
  const { colors } = output;
  const verdict = sound
    ? colors.good(`● ${colors.strong('Sound')}: every event is intact, every number is accounted for.`)
    : colors.bad(`■ ${colors.strong('Not sound')}: ${count(problems.length, 'problem')}.`);
  const facts =
    result.pending === null
      ? `Nothing could be accounted for. ${readable === null ? '' : describeSurvey(readable)}\n`
      : figuresTable(result, colors);
  const advice = sound
    ? ''
    : `\n${problems.map((problem) => `${printable(problem)}\n`).join('')}\n` +
      'When the agent meets damage, it sets the file aside, recovers what can be read and records the rest as lost.\n';
  await output.result(`${verdict}\n\n${facts}${advice}`);
  return sound;
}
