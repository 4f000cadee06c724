/**
 * Cuts a list into chunks that are neither too long nor too large for one call. A single item may
 * exceed the size.
 */
export function* chunks<T>(
  items: readonly T[],
  bytesOf: (item: T) => number,
  most: { readonly bytes: number; readonly items: number },
): Generator<readonly T[]> {
  let first = 0;
  let bytes = 0;
  for (const [at, item] of items.entries()) {
    const size = bytesOf(item);
    if (at > first && (bytes + size > most.bytes || at - first === most.items)) {
      yield items.slice(first, at);
      first = at;
      bytes = 0;
    }
    bytes += size;
  }
  if (first < items.length) yield items.slice(first);
}
