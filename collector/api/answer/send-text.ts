/** Sends text as it is written: a large answer is made no faster than it is read. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Question } from '../admission/question.ts';

/** Characters of a piece: what a network buffer takes at once. */
const PIECE_LENGTH = 64 * 1024;

export function sendText(reply: FastifyReply, type: string, texts: Iterable<string>, question: Question): FastifyReply {
  const rest = texts[Symbol.iterator]();
  const first = pieceOf(rest);
  void reply.type(type);
  if (first.last) return reply.send(first.text);
  return reply.send(Readable.from(pieces(first.text, rest, question), { objectMode: false }));
}

/** As much as fits a piece. */
function pieceOf(texts: Iterator<string>): { readonly text: string; readonly last: boolean } {
  let text = '';
  while (text.length < PIECE_LENGTH) {
    const { done, value } = texts.next();
    if (done) return { text, last: true };
    text += value;
  }
  return { text, last: false };
}

async function* pieces(first: string, rest: Iterator<string>, question: Question): AsyncGenerator<string, void> {
  yield first;
  question.resume();
  for (;;) {
    await question.turn();
    const { text, last } = pieceOf(rest);
    if (text !== '') yield text;
    if (last) return;
    question.resume();
  }
}
