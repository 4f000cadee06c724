/** The checksum of the wire format's headers and bodies. */
export { crc32c } from '../crc32c.ts';
