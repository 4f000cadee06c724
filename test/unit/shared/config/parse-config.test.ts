import t from 'tap';
import { parseConfig as parseCollectorConfig } from '../../../../collector/config/collector-config.ts';
import { ConfigError, configOf, type ParsedConfig } from '../../../../shared/config/parse-config.ts';

/** Takes whatever the document holds. */
const any = (input: unknown): ParsedConfig<unknown> => ({ ok: true, config: input });
const refused = (text: string): string => {
  try {
    configOf('a.yaml', text, any);
  } catch (error) {
    t.ok(error instanceof ConfigError);
    return (error as Error).message;
  }
  return 'none';
};

t.test('YAML and JSON say the same', async (t) => {
  t.same(configOf('a.yaml', 'ports: [1, 2]\nname: x # a comment\n', any), { ports: [1, 2], name: 'x' });
  t.same(configOf('a.json', '{"ports": [1, 2], "name": "x"}', any), { ports: [1, 2], name: 'x' });
});

t.test('an empty file is a document too: what that means is for its parser to say', async (t) => {
  t.equal(configOf('a.yaml', '', any), null);
});

t.test('what is not YAML is reported with its file and line', async (t) => {
  t.match(refused('merchant: acme\nterminal: [x\n'), /^a\.yaml: is not YAML: .*line 3/s);
  t.match(refused('a: 1\na: 2\n'), /^a\.yaml: is not YAML: Map keys must be unique/);
});

t.test('aliases of nothing, and aliases that multiply, are refused', async (t) => {
  t.match(refused('store: *nothing'), /^a\.yaml: is not YAML: /);
  const lists = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
  t.match(refused(`l0: &l0 [x]\n${lists.join('\n')}`), /^a\.yaml: is not YAML: Excessive alias count/);
});

t.test('each fault is a line with the file and the field', async (t) => {
  const faults = [
    { pointer: '', detail: 'is not a map' },
    { pointer: '/buffer/path', detail: 'is missing' },
  ];
  t.throws(() => configOf('a.yaml', 'x', () => ({ ok: false, faults })), {
    name: 'ConfigError',
    message: 'a.yaml: the document is not a map\na.yaml: /buffer/path is missing',
  });
});

t.test('what contains itself, or lies deeper than any configuration, is refused with an explanation', async (t) => {
  const read = (text: string) => configOf('collector.yaml', text, parseCollectorConfig);
  const store = 'store: { kind: sqlite, path: store.db }\n';
  t.match(read(`${store}dimensions: [method]`), { dimensions: ['method'] });
  const deep = `${'['.repeat(2_000)}${']'.repeat(2_000)}`;
  for (const dimensions of ['&a [*a]', '&a [{ b: *a }, *a]', `[${'['.repeat(40)}${']'.repeat(40)}]`, deep]) {
    const faulty = () => read(`${store}dimensions: ${dimensions}`);
    t.throws(faulty, { name: 'ConfigError', message: /^collector\.yaml: / }, dimensions.slice(0, 40));
  }
});

t.test('a text with a NUL is refused with its field: a path would end there', async (t) => {
  t.equal(refused('store: {path: "a\\0b"}'), 'a.yaml: /store/path holds a NUL character: leave it out');
  t.equal(refused('urls: [x, "\\0"]'), 'a.yaml: /urls/1 holds a NUL character: leave it out');
});
