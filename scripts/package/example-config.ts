/**
 * The configuration that a first installation puts into /etc: the repository's example, adapted to
 * a till.
 */

/**
 * Lines of the example and their replacements. Ids in capitals are rejected until they are filled
 * in.
 */
const CHANGES: readonly (readonly [from: RegExp, to: string])[] = [
  [/^merchant: .*$/m, 'merchant: FILL-IN'],
  [/^terminal: .*$/m, 'terminal: FILL-IN'],
  [/^( +)urls: .*$/m, '$1urls: [mqtts://FILL-IN:8883]'],
  [/^( +)token: .*\n +# tokenFile: .*$/m, '$1tokenFile: /etc/tillstream/token'],
  [/^( +)path: .*$/m, '$1path: /var/lib/tillstream/buffer.db'],
];

/** @throws Error when a line to replace is missing */
export function tillExample(example: string): string {
  return CHANGES.reduce((text, [from, to]) => {
    if (!from.test(text)) throw new Error(`config/agent.yaml has no line like ${from}`);
    return text.replace(from, to);
  }, example);
}
