/** `logic add | list | diff | activate | rollback | drop`: what makes figures of events. */
import type { MerchantId } from '../../../shared/ids.ts';
import { RULES } from '../../aggregation/logic/logic-rules.ts';
import { logicBy } from '../../aggregation/logic/logic-version.ts';
import { proposedIdentity, type Stores } from '../../app/context.ts';
import { initializeStore } from '../../store/initialize-store.ts';
import { type LogicRecord, type LogicSet, logicOf } from '../../store/logic-versions.ts';
import {
  type Command,
  type CommandContext,
  CommandFailed,
  merchantsGiven,
  numberGiven,
  type Printed,
  UsageError,
  withStore,
} from '../command.ts';
import { longCommand } from '../long-command.ts';
import { dropRows, missingOf } from './all-rows.ts';

/** Tries to write the list of activations while somebody else does. */
const MAX_RACES = 5;

const withLogics = (context: CommandContext, work: (stores: Stores, set: LogicSet) => Promise<Printed>) =>
  withStore(context, async (stores, tables) => {
    await initializeStore(tables, context.config.dimensions, proposedIdentity());
    return work(stores, await stores.logics.read());
  });

const LOGIC_HELP = '--logic N          the version';

export const addLogic: Command = {
  name: 'logic add',
  summary: 'adds a logic version: rules of this release, and dimensions; runs keep its rows from now on',
  options: { rules: { type: 'string' }, dimensions: { type: 'string' } },
  help: [
    '--rules N          the number of its rules; if left out, the newest of this release',
    '--dimensions D,…   keys of `dims`; if left out, those of the active version',
  ],
  examples: ['logic add --rules 2 --config config/collector.yaml'],
  run: (context) =>
    withLogics(context, async ({ logics }, set) => {
      const { given } = context;
      const known = Object.keys(RULES).map(Number);
      const rules = given.rules === undefined ? Math.max(...known) : numberGiven(given, 'rules');
      if (!known.includes(rules)) throw new UsageError(`--rules: this release has the rules ${known.join(', ')}`);
      const active = set.record(set.active(null))!;
      const dimensions = given.dimensions === undefined ? active.dimensions : dimensionsOf(String(given.dimensions));
      const same = set.records.find(
        (of) => of.state !== 'dropped' && of.rules === rules && of.dimensions.join() === dimensions.join(),
      );
      if (same !== undefined) throw new CommandFailed(`logic version ${same.version} has these rules and dimensions`);
      const version = Math.max(...set.records.map((of) => of.version)) + 1;
      const proposed: LogicRecord = { version, rules, dimensions, state: 'building' };
      const added = await logics.create(proposed);
      if (JSON.stringify(added) !== JSON.stringify(proposed))
        throw new CommandFailed('somebody else added a version at the same moment: see "logic list"');
      return { json: added, text: `${lineOf(added)}\nbuild its figures: reprocess --logic ${version}` };
    }),
};

export const listLogics: Command = {
  name: 'logic list',
  summary: 'lists the logic versions, and which merchants have which',
  options: {},
  help: [],
  examples: ['logic list --config config/collector.yaml'],
  run: (context) =>
    withLogics(context, async (_stores, set) => {
      const versions = set.records.map(({ version, rules, dimensions, state }) => ({
        ...{ version, rules, dimensions, state },
        active: set.active(null) === version,
        merchants: [...set.exceptions].filter(([, of]) => of === version).map(([merchant]) => merchant),
        isKnown: logicBy(version, rules, dimensions) !== null,
      }));
      const activations = set.activations.map(({ at, ...of }) => ({ at: new Date(at).toISOString(), ...of }));
      const lines = versions.map(({ active, merchants, isKnown, ...of }) =>
        [
          lineOf(of),
          ...(active ? ['active'] : []),
          ...(merchants.length > 0 ? [`active for ${namesOf(merchants)}`] : []),
          ...(isKnown ? [] : ['this release does not have its rules']),
        ].join('  '),
      );
      return { json: { versions, activations }, text: lines.join('\n') };
    }),
};

export const activateLogic: Command = {
  name: 'logic activate',
  summary: 'answers by this version from now on: one write, seen by all within a second',
  options: {
    ...{ logic: { type: 'string' }, merchant: { type: 'string', multiple: true } },
    force: { type: 'boolean' },
  },
  help: [
    LOGIC_HELP,
    '--merchant M       for this merchant only; several times or with commas for several',
    '--force            although hours that have figures now would have none',
  ],
  examples: [
    'logic activate --logic 2 --merchant acme --config config/collector.yaml',
    'logic activate --logic 2 --config config/collector.yaml',
  ],
  run: (context) =>
    withLogics(context, async (stores, set) => {
      const { given, now } = context;
      const version = numberGiven(given, 'logic');
      const merchants = merchantsGiven(given);
      mustBeThere(set, version);
      logicOf(set.record(version)!);
      const missing = given.force === true ? [] : await missingIn(context, stores, set, version, merchants);
      if (missing.length > 0) {
        const hours = missing.reduce((sum, of) => sum + of.hours, 0);
        throw new CommandFailed(
          `${hours} hours of ${missing.length} merchants have no figures by version ${version} yet (${namesOf(missing.map(({ merchant }) => merchant))}): run "reprocess --logic ${version}"`,
        );
      }
      await stores.logics.setState(version, ['building', 'live'], 'live');
      const active = await flip(stores, () => ({ at: now(), version, merchants }));
      mustBeThere(active, version);
      const whom = merchants === null ? 'all merchants' : namesOf(merchants);
      return {
        json: { logic: version, merchants, active: active.active(null) },
        text: `version ${version} is active for ${whom}`,
      };
    }),
};

export const rollBackLogic: Command = {
  name: 'logic rollback',
  summary: 'takes back the last activation that stands: what was active before it is so again',
  options: {},
  help: [],
  examples: ['logic rollback --config config/collector.yaml'],
  run: (context) =>
    withLogics(context, async (stores) => {
      const set = await flip(stores, (before) => {
        const after = before.rolledBack();
        if (after === null) throw new CommandFailed('there is no activation to roll back');
        for (const version of new Set([after.active(null), ...after.exceptions.values()])) mustBeThere(after, version);
        return { at: context.now(), version: null, merchants: null };
      });
      const exceptions = Object.fromEntries(set.exceptions);
      return {
        json: { active: set.active(null), merchants: exceptions },
        text: `version ${set.active(null)} is active again${set.exceptions.size === 0 ? '' : `, for ${set.exceptions.size} merchants another`}`,
      };
    }),
};

export const dropLogic: Command = {
  name: 'logic drop',
  summary: 'deletes the figures of a version that nobody has active, for ever',
  options: { logic: { type: 'string' } },
  help: [LOGIC_HELP],
  examples: ['logic drop --logic 1 --config config/collector.yaml'],
  run: (context) =>
    withStore(context, async (stores, tables) => {
      await initializeStore(tables, context.config.dimensions, proposedIdentity());
      const version = numberGiven(context.given, 'logic');
      const set = await stores.logics.read();
      if (set.record(version) === null) throw new CommandFailed(`there is no logic version ${version}`);
      refuseActive(set, version);
      const configured = context.config.dimensions.join();
      const others = set.records.filter((of) => of.state !== 'dropped' && of.version !== version);
      if (!others.some(({ dimensions }) => dimensions.join() === configured))
        throw new CommandFailed(`the configuration has the dimensions of version ${version} alone: change them first`);
      await stores.logics.setState(version, ['building', 'live'], 'dropped');
      // Somebody may have activated it since; of the two, one sees what the other has written.
      const now = await stores.logics.read();
      if (now.isActive(version)) await stores.logics.setState(version, ['dropped'], 'live');
      refuseActive(now, version);
      const rows = await longCommand<number, number>(
        context,
        'logic drop',
        (done) => `${done} rows deleted`,
        ({ progress, signal }) => dropRows(tables, stores, version, progress, signal),
      );
      return { json: { logic: version, rows }, text: `version ${version} is dropped, with ${rows} rows` };
    }),
};

function dimensionsOf(text: string): readonly string[] {
  const names = text.split(',').map((name) => name.trim());
  const wrong = names.find((name) => !/^[a-z][a-z0-9_]{0,31}$/.test(name));
  if (wrong !== undefined) throw new UsageError(`--dimensions: "${wrong}" is no key of dims`);
  return names;
}

/** @throws CommandFailed */
function mustBeThere(set: LogicSet, version: number): void {
  const record = set.record(version);
  if (record === null) throw new CommandFailed(`there is no logic version ${version}: see "logic list"`);
  if (record.state === 'dropped') throw new CommandFailed(`logic version ${version} was dropped: its figures are gone`);
}

function refuseActive(set: LogicSet, version: number): void {
  if (set.isActive(version)) throw new CommandFailed(`logic version ${version} is active: activate another one first`);
}

const missingIn = (
  context: CommandContext,
  stores: Stores,
  set: LogicSet,
  version: number,
  merchants: readonly MerchantId[] | null,
) =>
  longCommand<number, Awaited<ReturnType<typeof missingOf>>>(
    context,
    'logic activate',
    (checked) => `${checked} merchants checked`,
    ({ progress, signal }) => missingOf(stores, set, version, merchants, progress, signal),
  );

/** One write, by compare-and-set. @returns the set afterwards */
async function flip(
  { logics }: Stores,
  next: (before: LogicSet) => Parameters<Stores['logics']['activate']>[1],
): Promise<LogicSet> {
  for (let tries = 0; tries < MAX_RACES; tries++) {
    const before = await logics.read();
    try {
      if (await logics.activate(before, next(before))) return await logics.read();
    } catch (error) {
      throw error instanceof RangeError ? new CommandFailed(error.message) : error;
    }
  }
  throw new CommandFailed('others change which version is active all the time: try again');
}

const lineOf = ({ version, rules, dimensions, state }: LogicRecord): string =>
  `version ${version}: rules ${rules}, by ${dimensions.join(', ') || 'no dimension'}, ${state}`;

const NAMED = 5;
const namesOf = (names: readonly string[]): string =>
  names.length <= NAMED ? names.join(', ') : `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
