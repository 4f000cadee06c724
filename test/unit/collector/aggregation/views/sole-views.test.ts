import assert from 'node:assert/strict';
import { Buffer } from 'node:buffer';
import fc from 'fast-check';
import t from 'tap';
import { encodePartial } from '../../../../../collector/aggregation/codec.ts';
import { keepsAllValues, soleViews } from '../../../../../collector/aggregation/views/sole-views.ts';
import { Views } from '../../../../../collector/aggregation/views/views.ts';
import { runToEnd } from '../../../../../shared/cooperative.ts';
import { contentOf } from '../../../../support/collector/decode-cells.ts';
import { foldOf } from '../../../../support/collector/raw-rows.ts';
import { arbitraryEvent, HOUR, LOGIC, tillEvent } from '../../../../support/collector/till-events.ts';
import { holds } from '../../../../support/shared/property.ts';

const BASE = HOUR * 4;
const hexOf = (views: ReadonlyMap<string, Uint8Array>): unknown[] =>
  [...views].map(([name, content]) => [name, Buffer.from(content).toString('hex')]);

holds(
  t,
  'views made of a sole partial hold the bytes of those that are merged',
  fc.property(fc.array(arbitraryEvent(HOUR), { maxLength: 30 }), (events) => {
    const part = foldOf(events);
    const views = new Views(LOGIC);
    runToEnd(views.add(part));
    const merged = [...runToEnd(views.encode(BASE)).cells].map(([name, cell]) => [name, contentOf(cell)] as const);
    const content = contentOf(runToEnd(encodePartial(part, BASE)));
    assert.deepEqual(hexOf(soleViews(content, null)), hexOf(new Map(merged)));
    for (const view of merged) assert.deepEqual(hexOf(soleViews(content, view[0])), hexOf(new Map([view])));
    return soleViews(content, 'nothing').size === 0;
  }),
);

t.test('a partial of which something was folded is told', async (t) => {
  const part = foldOf([tillEvent({ dims: { method: 'cash' } })]);
  t.ok(keepsAllValues(part));
  part.figures.folded.add({ dimension: 'method', hour: HOUR, values: 1, isPartial: false });
  t.notOk(keepsAllValues(part));
});
