/**
 * `npm run train-dictionary`: trains the next dictionary for small batches, or for small cells, and
 * evaluates it.
 */
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { RELEASED as OF_CELLS } from '../../collector/aggregation/message-pack/dictionaries/released.ts';
import { type Dictionary, RELEASED } from '../../shared/wire/dictionaries/released.ts';
import { baskets, invoices, parsed } from '../bench/load/workload.ts';
import { type Section, table } from '../bench/measure/report.ts';
import type { TillEvent } from '../clients/till-event.ts';
import { readTrade } from '../datasets/online-retail/read-transactions.ts';
import { cellSamples } from './cell-samples.ts';
import { comparison, type HeldOut } from './evaluate.ts';
import { cellComparison } from './evaluate-cells.ts';
import { bodies, madeUp, renamed } from './samples.ts';
import { dictionarySource } from './write-dictionary-file.ts';
import { train } from './zstd-train.ts';

const HELP = `npm run train-dictionary -- --file CSV.gz [options]
npm run train-dictionary -- --cells [options]

Trains a zstd dictionary for small batches on events of synthetic merchants and on pseudonymized real invoices. Prints
the bytes per event without a dictionary, with each released one and with the new one, for merchants that were not used
for training. Needs the command zstd.

  --cells        of small rollup cells instead, on hours and days of synthetic merchants alone
  --file CSV.gz  real invoices: the Online Retail data set, with days before and after 2011-02-01; not with --cells
  --bytes N      size of the dictionary (default: 8192, of cells 4096; each batch and cell pays for loading it)
  --write        write it as dictionary-N.ts, N being the next id, in shared/wire/dictionaries/, or of cells in
                 collector/aggregation/message-pack/dictionaries/; released.ts beside it must then name it

A released dictionary is never trained again: agents in the field, stored batches and stored cells use it.

Examples
  npm run train-dictionary -- --file online-retail.csv.gz --write
  npm run train-dictionary -- --cells
`;

const WANTED_FILE =
  'the Online Retail data set as gzipped CSV, 4,000 invoices at least (UCI Machine Learning Repository, doi 10.24432/C5BW33)';
const MADE_UP = 600;
const HELD_OUT_CELLS = 100;
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

interface Training {
  readonly folder: string;
  readonly released: readonly Dictionary[];
  /** Of the released ones, where there is none yet. */
  readonly firstId: number;
  readonly samples: readonly Uint8Array[];
  compare(dictionaries: Readonly<Record<string, Dictionary>>): Section;
}

function ofCells(): Training {
  const held = cellSamples(HELD_OUT_CELLS, HELD_OUT_SEED);
  return {
    ...{ folder: 'collector/aggregation/message-pack/dictionaries', released: OF_CELLS, firstId: 101 },
    samples: cellSamples(MADE_UP, 0),
    compare: (dictionaries) => cellComparison(held, dictionaries),
  };
}

async function ofBatches(file: string | undefined): Promise<Training> {
  if (file === undefined) throw new Error(`--file is missing: ${WANTED_FILE}`);
  if (!existsSync(file)) throw new Error(`${file}: no such file`);
  const held = await heldOut(file);
  return {
    ...{ folder: 'shared/wire/dictionaries', released: RELEASED, firstId: 1 },
    samples: await samples(file),
    compare: (dictionaries) => comparison(held, dictionaries),
  };
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      cells: { type: 'boolean', default: false },
      file: { type: 'string' },
      bytes: { type: 'string' },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    return;
  }
  const size = Number(values.bytes ?? (values.cells ? 4_096 : 8_192));
  if (!Number.isInteger(size) || size < 512 || size > 1 << 20) throw new Error('--bytes must be from 512 to 1048576');
  const training = values.cells ? ofCells() : await ofBatches(values.file);
  const last = training.released.at(-1);
  const id = last === undefined ? training.firstId : last.id + 1;
  const bytes = train(training.samples, id, size);
  process.stdout.write(`${bytes.length} bytes, trained with ${training.samples.length} samples\n\n`);
  const released = Object.fromEntries(training.released.map((of) => [`released ${of.id}`, of]));
  process.stdout.write(table(training.compare({ ...released, new: { id, bytes } })));
  if (!values.write) return;
  const out = path.resolve(import.meta.dirname, '../..', training.folder, `dictionary-${id}.ts`);
  if (existsSync(out)) throw new Error(`${out} exists, but released.ts does not name it: remove it, or name it there`);
  writeFileSync(out, dictionarySource(id, bytes, values.cells ? 'cells' : 'batches'));
  process.stdout.write(`\nwritten to ${path.relative(process.cwd(), out)}; now name it in released.ts beside it\n`);
}

try {
  await main();
} catch (error) {
  process.stderr.write(`train-dictionary: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
