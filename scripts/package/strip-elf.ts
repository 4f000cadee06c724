/**
 * Strips an executable: removes what only linkers and debuggers read. The symbol table and
 * debugging sections are behind the last loaded segment, and loaders do not need the section
 * headers. It works for any architecture, so no cross-binutils are needed.
 *
 * Layout: System V ABI, ELF-64, little endian.
 */
import { Buffer } from 'node:buffer';

const MAGIC = 0x7f454c46;
const CLASS_64 = 2;
const LITTLE_ENDIAN = 1;
const PT_LOAD = 1;

/** @throws Error when the file is no such executable, or loaded parts would be lost */
export function strippedElf(file: Buffer): Buffer {
  if (file.readUInt32BE(0) !== MAGIC || file[4] !== CLASS_64 || file[5] !== LITTLE_ENDIAN) {
    throw new Error('not a 64-bit little-endian ELF file');
  }
  const headersAt = Number(file.readBigUInt64LE(0x20));
  const headerSize = file.readUInt16LE(0x36);
  const headers = file.readUInt16LE(0x38);
  let end = headersAt + headers * headerSize;
  for (let index = 0; index < headers; index++) {
    const at = headersAt + index * headerSize;
    if (file.readUInt32LE(at) !== PT_LOAD) continue;
    end = Math.max(end, Number(file.readBigUInt64LE(at + 8) + file.readBigUInt64LE(at + 32)));
  }
  if (end > file.length) throw new Error('cut off: a segment ends behind the file');
  const stripped = Buffer.from(file.subarray(0, end));
  // e_shoff, e_shnum and e_shstrndx: no section headers.
  stripped.writeBigUInt64LE(0n, 0x28);
  stripped.writeUInt16LE(0, 0x3c);
  stripped.writeUInt16LE(0, 0x3e);
  return stripped;
}
