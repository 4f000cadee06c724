/** Writes the source file of a dictionary. */
import { Buffer } from 'node:buffer';

const LINE = 112;

export function dictionarySource(id: number, bytes: Uint8Array): string {
  const text = Buffer.from(bytes).toString('base64');
  const lines = Array.from({ length: Math.ceil(text.length / LINE) }, (_, at) =>
    text.slice(at * LINE, (at + 1) * LINE),
  );
  return `/** Dictionary ${id}, as \`npm run train-dictionary\` wrote it: released, so it is never changed. Base64. */
export const DICTIONARY_${id} = [
${lines.map((line) => `  '${line}',`).join('\n')}
].join('');
`;
}
