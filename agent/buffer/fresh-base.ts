/**
 * Base of the first epoch that is opened while a file is being brought over: ids below it are left to what that file holds, so that older
 * events keep lower ids. 2^52 leaves as many ids again above it.
 */
export const FRESH_BASE = 2 ** 52;
