/**
 * Locates a JSON syntax error. V8's message gives the position only sometimes, and quotes the text,
 * which may hold data that must not be logged.
 */

export interface SyntaxFault {
  /** Both from 1; columns in UTF-16 code units. */
  readonly line: number;
  readonly column: number;
  /** In UTF-16 code units, from 0. */
  readonly offset: number;
  readonly expected: string;
}

type Expecting =
  | 'a value'
  | 'a value or "]"'
  | 'a key'
  | 'a key or "}"'
  | '":"'
  | '"," or "}"'
  | '"," or "]"'
  | 'the end';

const BLANK = /[ \t\n\r]*/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERAL = /true|false|null/y;
/** A bounded run of plain characters, or one escape: no match runs over a text of any length. */
const PLAIN = /[ !#-[\]-\uffff]{1,1024}/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;

/** @returns the end of the match at `at`; `at` itself if there is none */
function end(pattern: RegExp, text: string, at: number): number {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

/** @returns the position after the closing quote, or the negated position of the error */
function stringEnd(text: string, open: number): number {
  let at = open + 1;
  while (text[at] !== '"') {
    const next = Math.max(end(PLAIN, text, at), end(ESCAPE, text, at));
    if (next === at) return -at;
    at = next;
  }
  return at + 1;
}

function fault(text: string, offset: number, expected: string): SyntaxFault {
  const before = text.slice(0, offset);
  const line = before.split('\n').length;
  return { line, column: offset - (before.lastIndexOf('\n') + 1) + 1, offset, expected };
}

/** @returns null when the text is valid JSON */
export function locateSyntaxFault(text: string): SyntaxFault | null {
  const open: ('{' | '[')[] = [];
  let expecting: Expecting = 'a value';
  const afterValue = (): Expecting =>
    open.length === 0 ? 'the end' : open.at(-1) === '{' ? '"," or "}"' : '"," or "]"';
  let at = 0;
  for (;;) {
    at = end(BLANK, text, at);
    const char = text[at];
    if (char === undefined) return expecting === 'the end' ? null : fault(text, at, expecting);
    const isKey: boolean = expecting === 'a key' || expecting === 'a key or "}"';
    const isValue: boolean = expecting === 'a value' || expecting === 'a value or "]"';
    if (char === '"' && (isKey || isValue)) {
      at = stringEnd(text, at);
      if (at < 0) return fault(text, -at, 'the rest of a text in quotes');
      expecting = isKey ? '":"' : afterValue();
    } else if (isValue && (char === '{' || char === '[')) {
      open.push(char);
      expecting = char === '{' ? 'a key or "}"' : 'a value or "]"';
      at++;
    } else if ((char === '}' || char === ']') && expecting.endsWith(`"${char}"`)) {
      open.pop();
      expecting = afterValue();
      at++;
    } else if (char === ',' && expecting.startsWith('","')) {
      expecting = open.at(-1) === '{' ? 'a key' : 'a value';
      at++;
    } else if (char === ':' && expecting === '":"') {
      expecting = 'a value';
      at++;
    } else {
      const next = isValue ? Math.max(end(NUMBER, text, at), end(LITERAL, text, at)) : at;
      if (next === at) return fault(text, at, expecting);
      at = next;
      expecting = afterValue();
    }
  }
}
