/** Writes the source file of a dictionary. */
import { Buffer } from 'node:buffer';

const LINE = 112;

const COMMAND = 'npm run train-dictionary';

/** First lines of the file. */
const heads = {
  batches: (id: number): string =>
    `/** Dictionary ${id}, as \`${COMMAND}\` wrote it: released, so it is never changed. Base64. */`,
  cells: (id: number): string => `/**
 * Dictionary ${id} of cells, as \`${COMMAND} -- --cells\` wrote it: released, so it is
 * never changed. Base64.
 */`,
};

export function dictionarySource(id: number, bytes: Uint8Array, kind: keyof typeof heads): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines = Array.from({ length: Math.ceil(text.length / LINE) }, (_, at) =>
    text.slice(at * LINE, (at + 1) * LINE),
  );
  return `${heads[kind](id)}
export const DICTIONARY_${id} = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('');
`;
}
