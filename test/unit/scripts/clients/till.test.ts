import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { Till } from '../../../../scripts/clients/till.ts';

const SALE = { type: 'sale', ts: '2011-01-05T10:00:00Z', ref: 'R-1', dims: {} };

async function till(t: Test, listener: RequestListener): Promise<Till> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const made = new Till(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, () => 0);
  t.teardown(async () => {
    await made.close();
    server.close();
  });
  return made;
}

const forever = new AbortController().signal;

t.test('repeats the same body until the agent has it', async (t) => {
  const bodies: string[] = [];
  const made = await till(t, async (request, response) => {
    bodies.push(Buffer.concat(await request.toArray()).toString());
    if (bodies.length === 1) request.socket.destroy();
    else if (bodies.length === 2) response.writeHead(507).end();
    else response.writeHead(200).end('{"accepted":0,"duplicates":[{"index":0,"stream":"till-1.00","seq":7}]}');
  });
  t.strictSame(await made.send([SALE], forever), { accepted: 0, duplicates: 1, retries: 2 });
  t.strictSame(bodies, Array(3).fill(JSON.stringify([SALE])));
});

t.test('an event that is refused is not repeated', async (t) => {
  let posts = 0;
  const made = await till(t, (_, response) => {
    posts++;
    response.writeHead(400).end('{"detail":"/ts is no time"}');
  });
  await t.rejects(made.send([SALE], forever), { message: /refused the event: 400 .*\/ts is no time/ });
  t.equal(posts, 1);
});

t.test('a signal ends the repeating', async (t) => {
  const stopping = new AbortController();
  const made = await till(t, (_, response) => {
    response.writeHead(503).end();
    stopping.abort();
  });
  await t.rejects(made.send([SALE], stopping.signal), { name: 'AbortError' });
});
