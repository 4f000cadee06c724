/**
 * Sample contents of small rollup cells: hours and days of synthetic merchants with one till or
 * two, folded and encoded by the product's own code.
 */
import { createHash } from 'node:crypto';
import { encodePartial } from '../../collector/aggregation/codec.ts';
import { PartialFold } from '../../collector/aggregation/fold.ts';
import { RULES } from '../../collector/aggregation/logic/logic-rules.ts';
import type { Logic } from '../../collector/aggregation/logic/logic-version.ts';
import { MAX_BYTES_WITH_DICTIONARY } from '../../collector/aggregation/message-pack/pack-cell.ts';
import { unpackSmallCell } from '../../collector/aggregation/message-pack/unpack-cell.ts';
import type { PartialAggregate } from '../../collector/aggregation/partial.ts';
import { readRow } from '../../collector/aggregation/raw-row.ts';
import { DayViews, Views } from '../../collector/aggregation/views/views.ts';
import { runToEnd } from '../../shared/cooperative.ts';
import type { TillEvent } from '../../shared/event/event.ts';
import { epoch, merchantId, terminalId } from '../../shared/ids.ts';
import { eventsKey } from '../../shared/keys.ts';
import { hourOf, SLOTS_PER_HOUR } from '../../shared/time.ts';
import { encodeEvents } from '../../shared/wire/batch.ts';
import { seeded } from '../simulate/random.ts';
import { madeUp } from './samples.ts';

/** Events of an hour, at most; mostly few. */
const EVENTS = 40;
/** Share of merchants whose hour has two tills, and of those with own dimensions. */
const [TWO_TILLS, OWN_DIMENSIONS] = [0.25, 0.2];
const DIMENSIONS = ['method', 'cashier', 'category'];
/** Of a day that is sampled, beside the hour itself: the same sales again, an hour later. */
const DAY_HOURS = 3;
const PLACE = { merchant: merchantId('m'), terminal: terminalId('t'), epoch: epoch('9f3c0000000000a1') };

/** A till's hour as a run folds it, a batch for each event. */
export function partialOf(events: readonly TillEvent[], logic: Logic): PartialAggregate {
  const fold = new PartialFold(logic);
  for (const [at, event] of events.entries()) {
    const place = { ...PLACE, hour: hourOf(event.ts) };
    const { bytes, header } = encodeEvents({ ...place, firstSeq: 1 + at, clearThrough: 0 }, [event]);
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 16);
    const key = { ...place, ...header, digest };
    runToEnd(fold.add(readRow({ rowKey: eventsKey(key), key, bytes, arrival: event.ts + 1_500 })));
  }
  return runToEnd(fold.finish());
}

/** The contents of the cells of an hour, and of a day that it is the first hour of. */
function contents(parts: readonly PartialAggregate[], logic: Logic, hour: number): Uint8Array[] {
  const base = hour * SLOTS_PER_HOUR;
  const cells = parts.map((part) => runToEnd(encodePartial(part, base)));
  const views = new Views(logic);
  for (const part of parts) runToEnd(views.add(part));
  const ofHour = runToEnd(views.encode(base)).cells;
  const ofDay = new DayViews(logic);
  for (const [name, cell] of ofHour)
    for (let at = 0; at < DAY_HOURS; at++) runToEnd(ofDay.add(name, unpackSmallCell(cell), base + at * SLOTS_PER_HOUR));
  return [...cells, ...ofHour.values(), ...runToEnd(ofDay.encode(base)).cells.values()]
    .map(unpackSmallCell)
    .filter(({ length }) => length <= MAX_BYTES_WITH_DICTIONARY);
}

/** @param merchants each with an hour of its own */
export function cellSamples(merchants: number, firstSeed: number): Uint8Array[] {
  return Array.from({ length: merchants }, (_, at) => {
    const seed = firstSeed + at;
    const { events } = madeUp(seed);
    const random = seeded(seed);
    const some = events.slice(0, 1 + Math.floor(EVENTS * random() ** 2));
    const own = random() < OWN_DIMENSIONS ? some[0]!.dims.filter((_, at) => at % 2 === 0) : DIMENSIONS;
    const logic = { version: 1, rules: RULES[1]!, dimensions: own.filter((name) => name !== 'customer') };
    const tills = random() < TWO_TILLS ? 2 : 1;
    const parts = Array.from({ length: tills }, (_, till) =>
      partialOf(
        some.filter((_, at) => at % tills === till),
        logic,
      ),
    );
    return contents(parts, logic, hourOf(some[0]!.ts));
  }).flat();
}
