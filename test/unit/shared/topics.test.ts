import t from 'tap';
import { merchantId, terminalId } from '../../../shared/ids.ts';
import { DOWN, parseTopic, topic, UP } from '../../../shared/topics.ts';

const M = merchantId('acme');
const T = terminalId('till-1');

t.test('topics are till/1/{merchant}/{terminal}/{channel}', async (t) => {
  t.equal(topic(M, T, 'batch'), 'till/1/acme/till-1/batch');
  t.strictSame(UP, ['batch', 'status']);
  t.strictSame(DOWN, ['ack', 'ctl']);
});

t.test('a topic is taken apart into what it was made of', async (t) => {
  for (const channel of [...UP, ...DOWN]) {
    t.strictSame(parseTopic(topic(M, T, channel)), { merchant: 'acme', terminal: 'till-1', channel });
  }
});

t.test('anything else is no topic of ours', async (t) => {
  const others = [
    '',
    'till',
    'till/1/acme/till-1',
    'till/1/acme/till-1/',
    'till/1/acme/till-1/batch/',
    'till/1/acme/till-1/batch/x',
    '/till/1/acme/till-1/batch',
    'Till/1/acme/till-1/batch',
    'till/2/acme/till-1/batch',
    'till/01/acme/till-1/batch',
    'till/1/acme/till-1/BATCH',
    'till/1/acme/till-1/constructor',
    'till/1/acme/till-1/+',
    'till/1/acme/+/batch',
    'till/1/+/till-1/batch',
    'till/1/acme/#',
    '#',
    '+/+/+/+/+',
    '$SYS/1/acme/till-1/batch',
    '$share/group/till/1/acme/till-1/batch',
    'till/1/Acme/till-1/batch',
    'till/1//till-1/batch',
    'till/1/acme//batch',
    `till/1/acme/${'t'.repeat(65)}/batch`,
    'till/1/acme/till-1\0/batch',
    '/'.repeat(65_535),
  ];
  for (const text of others) t.equal(parseTopic(text), null, text.slice(0, 60));
});
