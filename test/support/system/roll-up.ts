import { execFile } from 'node:child_process';
import process from 'node:process';
import { promisify } from 'node:util';
import { ROOT } from '../../../scripts/processes/child.ts';

const run = promisify(execFile);

export interface RolledUp {
  hours: number;
  days: number;
}

/** Hours that ended long ago are due in the next minute, their days in the one after that, and one more to be sure. */
const MINUTES_AHEAD = [1, 2, 3];

/** Works off what is due, and what will be in the next minutes, beside a collector that runs. @param config of that collector */
export async function rollUp(config: string): Promise<RolledUp> {
  const sum: RolledUp = { hours: 0, days: 0 };
  for (const minutes of MINUTES_AHEAD) {
    const preload = new URL(`./clock-ahead.ts?minutes=${minutes}`, import.meta.url).href;
    const args = ['--import', preload, 'collector/main.ts', 'rollup', '--config', config, '--json'];
    const { stdout } = await run(process.execPath, args, { cwd: ROOT });
    const { hours, days } = JSON.parse(stdout) as RolledUp;
    sum.hours += hours;
    sum.days += days;
  }
  return sum;
}
