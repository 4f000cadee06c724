import fc from 'fast-check';
import t from 'tap';
import { MessagePackCursor } from '../../../../../collector/aggregation/message-pack/cursor.ts';
import { MessagePackWriter } from '../../../../../collector/aggregation/message-pack/writer.ts';
import { pack } from '../../../../../shared/wire/message-pack.ts';
import { holds } from '../../../../support/shared/property.ts';

const number = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.integer({ min: -0x8100, max: 0x1_0100 }),
  fc.integer(),
  fc.integer({ min: 0, max: 2 ** 32 + 100 }),
  fc.maxSafeInteger(),
);

holds(
  t,
  'what is written value by value is what is packed at once, and is passed over as a whole',
  fc.property(
    fc.array(number, { maxLength: 80 }),
    fc.boolean(),
    fc.uint8Array({ maxLength: 400 }),
    (numbers, isTrue, bytes) => {
      const writer = new MessagePackWriter();
      writer.array(5);
      writer.numbers(numbers);
      writer.boolean(isTrue);
      writer.null();
      writer.bytes(bytes);
      writer.packed(pack('text'));
      const written = writer.written();
      const cursor = MessagePackCursor.over(written);
      cursor.array();
      return (
        Buffer.compare(written, pack([numbers, isTrue, null, bytes, 'text'])) === 0 &&
        cursor.skipNumbers() === numbers.length &&
        cursor.scalar() === isTrue
      );
    },
  ),
);
