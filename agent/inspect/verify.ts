/** `verify`: whether the file holds what was written, and each seq that was given out is accounted for. */
import { setImmediate } from 'node:timers/promises';
import type { BufferAccount, BufferReader } from '../buffer/port.ts';
import { count, number } from './figures.ts';
import type { Screen } from './screen.ts';
import { list, printable } from './table.ts';

export interface Verification extends Omit<BufferAccount, 'problems'> {
  readonly sound: boolean;
  /** What is wrong, in words. */
  readonly problems: readonly string[];
}

const NOTHING: Omit<BufferAccount, 'problems'> = {
  pending: 0,
  acked: 0,
  quarantined: 0,
  gone: 0,
  lost: 0,
  losses: 0,
  damaged: 0,
  unaccounted: 0,
};

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
    return { sound: false, ...NOTHING, problems: [`the file cannot be read through: ${(error as Error).message}`] };
  }
}

/** @returns whether nothing is wrong */
export async function showVerify(reader: BufferReader, json: boolean, screen: Screen): Promise<boolean> {
  const result = await verify(reader, (share) => screen.progress('verifying', share));
  screen.progress('verifying', 1);
  if (json) {
    await screen.print(`${JSON.stringify(result)}\n`);
    return result.sound;
  }
  const { paint } = screen;
  const { sound, problems, pending, acked, quarantined, gone, lost, losses, damaged, unaccounted } = result;
  const bad = (value: number): string => (value === 0 ? '0' : paint.bad(number(value)));
  const verdict = sound
    ? paint.good(`● ${paint.strong('Sound')}: each event is what was written, each number is accounted for.`)
    : paint.bad(`■ ${paint.strong('Not sound')}: ${count(problems.length, 'problem')}.`);
  const facts = list(
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
  const told = sound
    ? ''
    : `\n${problems.map((words) => `${printable(words)}\n`).join('')}\n` +
      'When the agent meets damage it sets the file aside, brings over what can be read, and writes the rest into the ledger.\n';
  await screen.print(`${verdict}\n\n${facts}${told}`);
  return sound;
}
