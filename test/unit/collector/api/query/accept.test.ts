import t from 'tap';
import { preferredFormat } from '../../../../../collector/api/query/accept.ts';

t.test('the q-values of Accept decide between JSON and CSV', async (t) => {
  const cases: [accept: string | undefined, format: 'json' | 'csv'][] = [
    [undefined, 'json'],
    ['*/*', 'json'],
    ['text/csv', 'csv'],
    ['TEXT/CSV', 'csv'],
    ['application/json, text/csv;q=0.1', 'json'],
    ['text/csv, application/json;q=0.9', 'csv'],
    ['text/csv, */*;q=0.1', 'csv'],
    ['text/*', 'csv'],
    ['text/csv;q=0, */*', 'json'],
    ['application/json;q=0, */*', 'csv'],
    ['text/html', 'json'],
    ['application/problem+json, text/csv-schema', 'json'],
    [', ,;q=x', 'json'],
  ];
  for (const [accept, format] of cases)
    t.equal(preferredFormat(accept === undefined ? {} : { accept }), format, accept ?? 'no Accept');
});
