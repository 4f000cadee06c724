/**
 * Types for the part of npm `thrift` (0.24, which ships no types) that the store uses: its binary
 * protocol and the transports it reads and writes.
 */
declare module 'thrift' {
  /** The output of `TBinaryProtocol`. */
  export interface WriteTransport {
    write(bytes: Uint8Array): void;
    setCurrSeqId(seqid: number): void;
  }

  export interface ReadTransport {
    read(length: number): Buffer;
  }

  export class TFramedTransport implements ReadTransport {
    /** Reads from one complete message; the results are views of it. */
    constructor(message: Buffer);
    read(length: number): Buffer;
    ensureAvailable(length: number): void;
  }

  export class TBinaryProtocol {
    constructor(transport: WriteTransport | ReadTransport, strictRead: boolean, strictWrite: boolean);
    writeMessageBegin(name: string, type: number, seqid: number): void;
    writeMessageEnd(): void;
    writeFieldBegin(name: string, type: number, id: number): void;
    writeFieldStop(): void;
    writeMapBegin(keyType: number, valueType: number, size: number): void;
    writeListBegin(type: number, size: number): void;
    writeBool(value: boolean): void;
    writeByte(value: number): void;
    writeI16(value: number): void;
    writeI32(value: number): void;
    /**
     * Eight bytes, big-endian, are written unchanged; a number would lose precision beyond 2^53.
     */
    writeI64(value: { readonly buffer: Uint8Array }): void;
    writeBinary(value: Uint8Array): void;
    writeString(value: string): void;
    readMessageBegin(): { fname: string; mtype: number; rseqid: number };
    readMessageEnd(): void;
    readFieldBegin(): { ftype: number; fid: number };
    readMapBegin(): { ktype: number; vtype: number; size: number };
    readListBegin(): { etype: number; size: number };
    readBool(): boolean;
    readByte(): number;
    readI16(): number;
    readI32(): number;
    readI64(): { readonly buffer: Buffer; readonly offset: number };
    readBinary(): Buffer;
    readString(): string;
    skip(type: number): void;
  }

  export const Thrift: {
    readonly Type: Readonly<
      Record<
        | 'STOP'
        | 'BOOL'
        | 'BYTE'
        | 'DOUBLE'
        | 'I16'
        | 'I32'
        | 'I64'
        | 'STRING'
        | 'STRUCT'
        | 'MAP'
        | 'SET'
        | 'LIST'
        | 'UUID',
        number
      >
    >;
    readonly MessageType: Readonly<Record<'CALL' | 'REPLY' | 'EXCEPTION' | 'ONEWAY', number>>;
  };
}
