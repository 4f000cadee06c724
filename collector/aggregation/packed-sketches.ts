/**
 * The sketches of a cell, in MessagePack. One that was read and not added to is written as it
 * stood: a day holds its hours' sketches as they are, so their numbers are not looked at.
 */
import type { Measures } from './measures.ts';
import type { MessagePackCursor } from './message-pack/cursor.ts';
import type { MessagePackWriter } from './message-pack/writer.ts';
import { AmountSketch, type AmountSketchWire } from './sketches/amount-sketch.ts';
import { DistinctSketch } from './sketches/distinct-sketch.ts';

export function writeTickets(writer: MessagePackWriter, { tickets }: Pick<Measures, 'tickets'>): void {
  if (tickets === null) writer.null();
  else if (tickets.packed !== null) writer.packed(tickets.packed);
  else {
    const { exact, min, max, counts } = tickets.toWire();
    writer.array(4);
    writer.boolean(exact);
    writer.number(min);
    writer.number(max);
    writer.numbers(counts);
  }
}

export function writeCustomers(writer: MessagePackWriter, { customers }: Pick<Measures, 'customers'>): void {
  if (customers === null) writer.null();
  else if (customers.packed !== null) writer.packed(customers.packed);
  else {
    const wire = customers.toWire();
    if (wire instanceof Uint8Array) writer.bytes(wire);
    else writer.numbers(wire);
  }
}

export function readTickets(cursor: MessagePackCursor): AmountSketch | null {
  if (cursor.isNull()) return null;
  const begin = cursor.fork();
  cursor.array();
  cursor.scalar();
  cursor.number();
  cursor.number();
  const size = cursor.skipNumbers() / 2;
  return AmountSketch.fromPacked({ bytes: begin.until(cursor), size, read: () => ticketsAt(begin.fork()) });
}

function ticketsAt(cursor: MessagePackCursor): AmountSketchWire {
  cursor.array();
  const exact = cursor.scalar() as boolean;
  return { exact, min: cursor.number(), max: cursor.number(), counts: numbers(cursor) };
}

export function readCustomers(cursor: MessagePackCursor): DistinctSketch | null {
  if (cursor.isNull()) return null;
  if (!cursor.atArray) return DistinctSketch.fromWire(cursor.bytes());
  const begin = cursor.fork();
  const size = cursor.skipNumbers();
  return DistinctSketch.fromPacked({ bytes: begin.until(cursor), size, read: () => numbers(begin.fork()) });
}

function numbers(cursor: MessagePackCursor): number[] {
  const found: number[] = [];
  for (let left = cursor.array(); left > 0; left--) found.push(cursor.number());
  return found;
}
