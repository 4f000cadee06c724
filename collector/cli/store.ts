/** `check-config`, `init` and `rollup`: one-time actions of an operator or a deployment. */
import type { Limits } from '../../shared/limits.ts';
import { storeClockOf } from '../app/clock-watch.ts';
import { proposedIdentity } from '../app/context.ts';
import { LIMITS_BY_STAGE } from '../app/limits.ts';
import { createRunner } from '../app/rollup-role.ts';
import { certificateWarnings } from '../config/certificate-warnings.ts';
import { warningsOf } from '../config/config-warnings.ts';
import { certificatesOf, readTls } from '../config/tls-files.ts';
import { initializeStore } from '../store/initialize-store.ts';
import { type Command, CommandFailed, withStore } from './command.ts';

export const checkConfig: Command = {
  name: 'check-config',
  summary: 'reads the configuration and its certificates, and shows it with its defaults',
  options: { limits: { type: 'boolean' } },
  help: ['--limits           shows what anybody outside may cause at most, by stage, with the reasons'],
  examples: ['check-config --config config/collector.yaml', 'check-config --limits --config config/collector.yaml'],
  async run({ config, given, now }) {
    if (given.limits === true) return { json: { limits: LIMITS_BY_STAGE }, text: limitsText(LIMITS_BY_STAGE) };
    const { tls } = config.mqtt;
    const certificates = tls === null ? [] : certificateWarnings(certificatesOf(readTls(tls)), now());
    const warnings = [...warningsOf(config), ...certificates];
    return { json: { valid: true, warnings, config }, text: `valid:\n${JSON.stringify(config, null, 2)}`, warnings };
  },
};

function limitsText(stages: Readonly<Record<string, Limits>>): string {
  return Object.entries(stages)
    .flatMap(([stage, limits]) => [
      `${stage}:`,
      ...Object.entries(limits).flatMap(([name, { value, unit, why, key }]) => [
        `  ${name}: ${value} ${unit}${key === undefined ? '' : ` (${key})`}`,
        `    ${why}`,
      ]),
    ])
    .join('\n');
}

export const initStore: Command = {
  name: 'init',
  summary: 'creates missing tables and records of the store; safe to repeat',
  options: {},
  help: [],
  examples: ['init --config config/collector.yaml'],
  async run(context) {
    const {
      storeGen,
      logic: { version, dimensions },
    } = await withStore(context, (_stores, tables) =>
      initializeStore(tables, context.config.dimensions, proposedIdentity()),
    );
    return {
      json: { store: context.config.store.kind, storeGen, logic: { version, dimensions } },
      text: `the ${context.config.store.kind} store is ready: generation ${storeGen}, logic version ${version} by ${dimensions.join(', ')}`,
    };
  },
};

export const rollupOnce: Command = {
  name: 'rollup',
  summary: 'processes the hours and days that are due now, once',
  options: {},
  help: [],
  examples: ['rollup --json --config config/collector.yaml'],
  async run(context) {
    const clock = (): number => performance.now();
    const { report, clockProblem } = await withStore(context, async (stores, tables) => {
      await initializeStore(tables, context.config.dimensions, proposedIdentity());
      const storeClock = storeClockOf(tables, context.config, { ...context, clock });
      await storeClock?.compare();
      const failures: string[] = [];
      const onFailure: Parameters<typeof createRunner>[0]['onFailure'] = ({ merchant, level, time }, error) =>
        failures.push(`${merchant} ${level} ${time}: ${error.message}`);
      const onParked = (): void => undefined;
      const done = await createRunner({ ...context, clock, stores, onFailure, onParked }).runDue();
      if (failures.length > 0)
        throw new CommandFailed(
          `${failures.length} runs failed; their due marks stay:\n${failures.slice(0, 20).join('\n')}`,
        );
      return { report: done, clockProblem: storeClock?.problem() ?? null };
    });
    return {
      json: report,
      warnings: clockProblem === null ? [] : [clockProblem],
      text: [
        `rolled up ${report.hours} hours and ${report.days} days from ${report.marks} due marks`,
        ...(report.parked > 0 ? [`${report.parked} are left out: see audit --parked`] : []),
      ].join('\n'),
    };
  },
};
