/**
 * Encodes calls and decodes replies: the library's binary protocol around the methods of `idl.ts`.
 */
import { TBinaryProtocol, TFramedTransport, Thrift } from 'thrift';
import { type Fields, i32, type Struct, string, struct } from './codec.ts';
import type { Method } from './idl.ts';
import { WriteBuffer } from './write-buffer.ts';

/** The server's refusal. */
export class Refused extends Error {
  override readonly name = 'Refused';
  /** False when the server knows that the same call would fail again. */
  readonly canRetry: boolean;

  constructor(message: string, canRetry: boolean) {
    super(reasonOf(message) || 'no reason given');
    this.canRetry = canRetry;
  }
}

const MAX_REASON = 300;

/**
 * The first line, because a Java trace has hundreds of them. Of `Failed after attempts=5,
 * exceptions:` the last exception follows: that is the reason.
 */
function reasonOf(message: string): string {
  const [first = '', ...others] = message.split('\n').map((line) => line.trimEnd());
  if (!first.endsWith(':')) return first.slice(0, MAX_REASON).trim();
  const exceptions = others.filter((line) => /^\S+.*(?:Exception|Error)\b/.test(line) && !line.startsWith('Caused by'));
  return [first, exceptions.at(-1)?.slice(0, MAX_REASON)].join(' ').trim();
}

/** The reply is complete but does not answer this call. */
export class WrongReply extends Error {
  override readonly name = 'WrongReply';
}

const { MessageType } = Thrift;
const STRICT = true;

/** Thrift's own failure: an unknown method, or a server error without a reason. */
const TApplicationException = struct({ message: [1, string], type: [2, i32] });

export function encodeCall<A extends Fields, T>(method: Method<A, T>, args: Struct<A>, seqid: number): Buffer {
  const message = new WriteBuffer();
  const out = new TBinaryProtocol(message, STRICT, STRICT);
  out.writeMessageBegin(method.name, MessageType.CALL, seqid);
  method.args.write(out, args);
  out.writeMessageEnd();
  return message.bytes();
}

/**
 * The call's result. Its byte strings are views of `reply`.
 *
 * @throws Refused, WrongReply
 */
export function decodeReply<A extends Fields, T>(method: Method<A, T>, reply: Buffer, seqid: number): T {
  const input = new TBinaryProtocol(new TFramedTransport(reply), STRICT, STRICT);
  const { fname, mtype, rseqid } = input.readMessageBegin();
  if (mtype === MessageType.EXCEPTION) {
    const { message = '' } = TApplicationException.read(input);
    throw new Refused(message, true);
  }
  if (mtype !== MessageType.REPLY || fname !== method.name || rseqid !== seqid) {
    throw new WrongReply(`a reply (type ${mtype}) to ${fname} ${rseqid} where ${method.name} ${seqid} was asked`);
  }
  const { success, io, ia } = method.result.read(input);
  if (io) throw new Refused(io.message ?? '', io.canRetry ?? true);
  if (ia) throw new Refused(ia.message ?? '', false);
  if (success === undefined && method.answers) throw new WrongReply(`a reply to ${method.name} without a result`);
  return success as T;
}
