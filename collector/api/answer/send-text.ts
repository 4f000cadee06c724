/** Sends text as it is written: a large answer is made no faster than it is read. */
import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Question } from '../admission/question.ts';

/** Characters of a piece: what a network buffer takes at once. */
const PIECE_LENGTH = 64 * 1024;

export async function sendText(
  reply: FastifyReply,
  type: string,
  texts: Iterable<string>,
  question: Question,
): Promise<FastifyReply> {
  const pieces = inPieces(texts, question);
  const first = await pieces.next();
  const second = await pieces.next();
  void reply.type(type);
  if (second.done) return reply.send(first.done ? '' : first.value);
  return reply.send(Readable.from(withFirst([first.value!, second.value], pieces), { objectMode: false }));
}

async function* inPieces(texts: Iterable<string>, question: Question): AsyncGenerator<string, void> {
  let piece = '';
  for (const text of texts) {
    piece += text;
    if (piece.length < PIECE_LENGTH) continue;
    yield piece;
    piece = '';
    await question.turn();
  }
  if (piece !== '') yield piece;
}

async function* withFirst(first: readonly string[], rest: AsyncIterable<string>): AsyncIterable<string> {
  yield* first;
  yield* rest;
}
