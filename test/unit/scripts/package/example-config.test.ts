import { readFileSync } from 'node:fs';
import t from 'tap';
import { parse } from 'yaml';
import { parseConfig } from '../../../../agent/config/agent-config.ts';
import { tillExample } from '../../../../scripts/package/example-config.ts';

const example = tillExample(readFileSync('config/agent.yaml', 'utf8'));

t.test('the example of a till is refused until it is filled in, field by field', async (t) => {
  const parsed = parseConfig(parse(example));
  t.match(parsed, { ok: false });
  const pointers = parsed.ok ? [] : parsed.faults.map(({ pointer }) => pointer);
  t.strictSame(pointers, ['/merchant', '/terminal']);
});

t.test('filled in, it is a configuration with the places of a package', async (t) => {
  const filled = example
    .replace('merchant: FILL-IN', 'merchant: acme')
    .replace('terminal: FILL-IN', 'terminal: till-1');
  t.match(parseConfig(parse(filled.replace('FILL-IN:8883', 'collector.example:8883'))), {
    ok: true,
    config: {
      collector: { token: { kind: 'file', path: '/etc/tillstream/token' } },
      buffer: { path: '/var/lib/tillstream/buffer.db' },
    },
  });
});

t.test('an example that lacks a line to change is refused', async (t) => {
  t.throws(() => tillExample('merchant: demo\n'), /config\/agent\.yaml has no line like/);
});
