/** `npm run train-dictionary`: trains the next dictionary for small batches, and evaluates it. */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { RELEASED } from '../../shared/wire/dictionaries/released.ts';
import { baskets, invoices, parsed } from '../bench/load/workload.ts';
import { table } from '../bench/measure/report.ts';
import type { TillEvent } from '../clients/till-event.ts';
import { readTrade } from '../datasets/online-retail/read-transactions.ts';
import { comparison, type HeldOut } from './evaluate.ts';
import { bodies, madeUp, renamed } from './samples.ts';
import { dictionarySource } from './write-dictionary-file.ts';
import { train } from './zstd-train.ts';

const HELP = `npm run train-dictionary -- --file CSV.gz [options]

Trains a zstd dictionary for small batches on events of synthetic merchants and on pseudonymized real invoices. Prints
the bytes per event without a dictionary, with each released one and with the new one, for merchants that were not used
for training. Needs the command zstd.

  --file CSV.gz  real invoices: the Online Retail data set, with days before and after 2011-02-01
  --bytes N      size of the dictionary (default: 8192; each batch pays for loading it)
  --write        write it as shared/wire/dictionaries/dictionary-N.ts, N being the next id; released.ts must then name it

A released dictionary is never trained again: agents in the field and stored batches use it.

Example
  npm run train-dictionary -- --file online-retail.csv.gz --write
`;

const WANTED_FILE =
  'the Online Retail data set as gzipped CSV, 4,000 invoices at least (UCI Machine Learning Repository, doi 10.24432/C5BW33)';
const MADE_UP = 600;
/** Invoices from this day on are used for training; earlier ones only for evaluation. */
const TRAIN_FROM = '2011-02-01';
const INVOICES = 3_000;
/** Far apart, so that no merchant is in both sets. */
const [RENAMED_SEED, HELD_OUT_SEED] = [1_000_000, 5_000_000];
const HELD_OUT_HOUR = Date.UTC(2026, 10, 22, 9);

async function samples(file: string): Promise<Uint8Array[]> {
  const real: TillEvent[] = [];
  for await (const event of readTrade(file, { from: TRAIN_FROM })) if (real.push(event) === INVOICES) break;
  const trades = [...Array.from({ length: MADE_UP }, (_, seed) => madeUp(seed)), ...renamed(real, RENAMED_SEED)];
  return trades.flatMap((trade, seed) => bodies(trade, seed));
}

async function heldOut(file: string): Promise<HeldOut[]> {
  const invoiced = await invoices(file, 1_000, HELD_OUT_HOUR);
  const small = baskets(1_000, HELD_OUT_HOUR);
  return [
    { name: 'made-up merchants', trades: Array.from({ length: 200 }, (_, seed) => madeUp(HELD_OUT_SEED + seed)) },
    { name: "the bench's small baskets", trades: [{ posted: small, events: parsed(small) }] },
    { name: 'real invoices as they are', trades: [{ posted: invoiced, events: parsed(invoiced) }] },
  ];
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      file: { type: 'string' },
      bytes: { type: 'string', default: '8192' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const { file } = values;
  if (file === undefined) throw new Error(`--file is missing: ${WANTED_FILE}`);
  if (!existsSync(file)) throw new Error(`${file}: no such file`);
  const size = Number(values.bytes);
  if (!Number.isInteger(size) || size < 512 || size > 1 << 20) throw new Error('--bytes must be from 512 to 1048576');
  const id = (RELEASED.at(-1)?.id ?? 0) + 1;
  const trained = await samples(file);
  const bytes = train(trained, id, size);
  process.stdout.write(`${bytes.length} bytes, trained with ${trained.length} batches\n\n`);
  const released = Object.fromEntries(RELEASED.map((dictionary) => [`released ${dictionary.id}`, dictionary]));
  const figures = comparison(await heldOut(file), { ...released, new: { id, bytes } });
  process.stdout.write(table(figures));
  if (!values.write) return;
  const out = path.resolve(import.meta.dirname, `../../shared/wire/dictionaries/dictionary-${id}.ts`);
  if (existsSync(out)) throw new Error(`${out} exists, but released.ts does not name it: remove it, or name it there`);
  writeFileSync(out, dictionarySource(id, bytes));
  process.stdout.write(`\nwritten to ${path.relative(process.cwd(), out)}; now name it in released.ts beside it\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`train-dictionary: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
