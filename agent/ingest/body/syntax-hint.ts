/** What a client that sends no JSON has probably done, and the way out. */
import type { SyntaxFault } from './json-syntax-error.ts';

const SEVERAL_LINES = 'several events, one a line, need Content-Type: application/x-ndjson; else send an array';
const FEEDS_LOST = '`curl -d` removes line feeds: use `--data-binary`, or send an array';
const NOT_ONE_LINE =
  'in NDJSON an event stands in one line: send one of several lines, or an array, as application/json';
const NO_NUMBER = 'JSON knows no NaN and no Infinity: leave the field out';
const SINGLE_QUOTES = "JSON has double quotes; a Windows shell passes ' on: use --data-binary @FILE";
const URL_ENCODED = 'the body is URL-encoded: send the JSON itself, with `curl --data-binary`';
const UTF_16 = 'the body is in UTF-16: send UTF-8';

/**
 * @param text a body, or a line of NDJSON
 * @param fault the first in it
 * @returns null when nothing can be guessed
 */
export function syntaxHint(text: string, { offset, expected }: SyntaxFault, isLine: boolean): string | null {
  if (text.includes('\0')) return UTF_16;
  if (/^\s*(?:[A-Za-z_]*=)?%(?:7B|5B)/i.test(text)) return URL_ENCODED;
  const rest = text.slice(offset, offset + 16);
  if (/^(?:NaN|-?Infinity)/i.test(rest)) return NO_NUMBER;
  if (rest.startsWith("'")) return SINGLE_QUOTES;
  if (expected === 'the end' && /^[{[]/.test(rest)) {
    if (isLine) return FEEDS_LOST;
    return /[\r\n]\s*$/.test(text.slice(0, offset)) ? SEVERAL_LINES : `${SEVERAL_LINES}; ${FEEDS_LOST}`;
  }
  return isLine && rest.trim() === '' ? NOT_ONE_LINE : null;
}
