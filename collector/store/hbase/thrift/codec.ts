/**
 * Thrift types as values: a `Coder` writes and reads one type with the library's binary protocol. A
 * struct is its field table (name → id and type), so the interface file stays data (`idl.ts`) and
 * its TypeScript types follow from it.
 *
 * Fields are optional, as on the wire: an unset field is not written, an unknown field is skipped
 * when read.
 */
import { type TBinaryProtocol, Thrift } from 'thrift';

const { Type } = Thrift;

export interface Coder<T> {
  /** Thrift's type code, as written before the bytes of a field or element. */
  readonly type: number;
  write(out: TBinaryProtocol, value: T): void;
  read(input: TBinaryProtocol): T;
}

export type Decoded<C> = C extends Coder<infer T> ? T : never;

/** A field's id and type. */
// biome-ignore lint/suspicious/noExplicitAny: `Struct` restores the type of each coder
export type Fields = Readonly<Record<string, readonly [id: number, coder: Coder<any>]>>;

export type Struct<F extends Fields> = { readonly [K in keyof F]?: Decoded<F[K][1]> };

export const bool: Coder<boolean> = {
  type: Type.BOOL,
  write: (out, value) => out.writeBool(value),
  read: (input) => input.readBool(),
};

export const i32: Coder<number> = {
  type: Type.I32,
  write: (out, value) => out.writeI32(value),
  read: (input) => input.readI32(),
};

/** A bigint, because numbers lose precision beyond 2^53. */
export const i64: Coder<bigint> = {
  type: Type.I64,
  write: (out, value) => {
    const buffer = Buffer.allocUnsafe(8);
    buffer.writeBigInt64BE(value);
    out.writeI64({ buffer });
  },
  read: (input) => {
    const { buffer, offset } = input.readI64();
    return buffer.readBigInt64BE(offset);
  },
};

/** Values that are read are views of the reply's bytes. */
export const binary: Coder<Uint8Array> = {
  type: Type.STRING,
  write: (out, value) => out.writeBinary(value),
  read: (input) => input.readBinary(),
};

export const string: Coder<string> = {
  type: Type.STRING,
  write: (out, value) => out.writeString(value),
  read: (input) => input.readString(),
};

export function list<T>(element: Coder<T>): Coder<readonly T[]> {
  return {
    type: Type.LIST,
    write(out, values) {
      out.writeListBegin(element.type, values.length);
      for (const value of values) element.write(out, value);
    },
    read(input) {
      const { etype, size } = input.readListBegin();
      const values: T[] = [];
      for (let i = 0; i < size; i++) {
        if (etype !== element.type) throw new TypeError(`a list of type ${etype} where ${element.type} was expected`);
        values.push(element.read(input));
      }
      return values;
    },
  };
}

/** A map of texts to texts. */
export const texts: Coder<ReadonlyMap<string, string>> = {
  type: Type.MAP,
  write(out, values) {
    out.writeMapBegin(Type.STRING, Type.STRING, values.size);
    for (const [key, value] of values) {
      out.writeString(key);
      out.writeString(value);
    }
  },
  read(input) {
    const { ktype, vtype, size } = input.readMapBegin();
    if (size > 0 && (ktype !== Type.STRING || vtype !== Type.STRING))
      throw new TypeError(`a map of types ${ktype} and ${vtype} where texts were expected`);
    return new Map(Array.from({ length: size }, () => [input.readString(), input.readString()]));
  },
};

export function struct<const F extends Fields>(fields: F): Coder<Struct<F>> {
  const entries = Object.entries(fields).map(([name, [id, coder]]) => ({ name, id, coder }));
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  return {
    type: Type.STRUCT,
    write(out, value) {
      for (const { name, id, coder } of entries) {
        const field = value[name];
        if (field === undefined) continue;
        out.writeFieldBegin(name, coder.type, id);
        coder.write(out, field);
      }
      out.writeFieldStop();
    },
    read(input) {
      const value: Record<string, unknown> = {};
      for (;;) {
        const { ftype, fid } = input.readFieldBegin();
        if (ftype === Type.STOP) return value as Struct<F>;
        const entry = byId.get(fid);
        if (entry?.coder.type === ftype) value[entry.name] = entry.coder.read(input);
        else input.skip(ftype);
      }
    },
  };
}
