/** `verify`: whether the file holds what was written, and each seq that was given out is accounted for. */
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
  /** What is wrong, in words. */
  readonly problems: readonly string[];
} & (Figures | typeof UNKNOWN);

/** Nothing was counted: 0 would be a claim. */
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
    return { sound: false, ...UNKNOWN, problems: [`the file cannot be read through: ${(error as Error).message}`] };
  }
}

function figuresTable(
  { pending, acked, quarantined, gone, lost, losses, damaged, unaccounted }: Figures,
  paint: Colors,
): string {
  const bad = (value: number): string => (value === 0 ? '0' : paint.bad(number(value)));
  return list(
    [
      ['waiting', number(pending)],
      ['acknowledged', `${number(acked)}, and ${number(gone)} that are no longer kept`],
      ['quarantined', number(quarantined)],
      ['given up', `${number(lost)} that are no longer kept; the ledger has ${count(losses, 'record')}`],
      ['damaged', bad(damaged)],
      ['unaccounted for', bad(unaccounted)],
    ],
    paint,
  );
}

/** @returns whether nothing is wrong */
export async function showVerify(reader: BufferReader, json: boolean, screen: CliOutput): Promise<boolean> {
  const result = await verify(reader, (share) => screen.progress('verifying', share));
  const readable: DamageSurvey | null =
    result.pending === null ? await surveyDamage(reader, (share) => screen.progress('reading', share)) : null;
  screen.progress('verifying', 1);
  const { sound, problems } = result;
  if (json) {
    await screen.result(`${JSON.stringify(readable === null ? result : { ...result, readable })}\n`);
    return sound;
  }
  const { paint } = screen;
  const verdict = sound
    ? paint.good(`● ${paint.strong('Sound')}: each event is what was written, each number is accounted for.`)
    : paint.bad(`■ ${paint.strong('Not sound')}: ${count(problems.length, 'problem')}.`);
  const facts =
    result.pending === null
      ? `Nothing could be accounted for. ${readable === null ? '' : describeSurvey(readable)}\n`
      : figuresTable(result, paint);
  const told = sound
    ? ''
    : `\n${problems.map((words) => `${printable(words)}\n`).join('')}\n` +
      'When the agent meets damage it sets the file aside, brings over what can be read, and writes the rest into the ledger.\n';
  await screen.result(`${verdict}\n\n${facts}${told}`);
  return sound;
}
