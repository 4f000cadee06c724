import type { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import t from 'tap';
import { Question } from '../../../../../collector/api/admission/question.ts';
import { Turns } from '../../../../../collector/api/admission/turns.ts';
import { sendText } from '../../../../../collector/api/answer/send-text.ts';

t.test('time in which the client reads nothing is not time of the question', async (t) => {
  let now = 0;
  const metrics = { refused: () => {}, connections: () => {}, answers: () => {} };
  const limits = { rows: 10, bytes: 10, ms: 100 };
  const question = new Question({ turns: new Turns(), merchant: 'acme', limits, clock: () => now, metrics });
  let sent: Readable | null = null;
  const reply = {
    type: () => reply,
    send: (stream: Readable) => {
      sent = stream;
      return reply;
    },
  };
  const texts = Array.from({ length: 10 }, () => 'x'.repeat(64 * 1024));
  sendText(reply as unknown as FastifyReply, 'text/csv', texts, question);
  let length = 0;
  for await (const piece of sent!) {
    length += String(piece).length;
    now += 60_000;
  }
  t.equal(length, 10 * 64 * 1024);
});
