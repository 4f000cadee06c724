/** Requests as HTTP's letter allows them are taken; others are refused in words. */
import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { type AgentProcess, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

const BODY = '{"type":"sale"}';
const LENGTH = `Content-Length: ${BODY.length}`;

/** Sends bytes, and reads until the agent closes. */
async function speak({ port }: AgentProcess, text: string): Promise<{ status: number; head: string; body: string }> {
  const socket = connect(port, '127.0.0.1');
  let received = '';
  socket.setEncoding('latin1').on('data', (chunk: string) => {
    received += chunk;
  });
  socket.write(text);
  await once(socket, 'close');
  const final = received.replace(/^HTTP\/1\.1 100 Continue\r\n\r\n/, '');
  const [head = '', body = ''] = final.split('\r\n\r\n', 2);
  return { status: Number(head.split(' ', 2)[1]), head, body };
}

const request = (line: string, headers: readonly string[], body = BODY): string =>
  [line, ...headers, 'Connection: close', '', body].join('\r\n');

t.test('taken', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const host = `Host: 127.0.0.1:${agent.port}`;
  const line = 'POST /v1/events HTTP/1.1';
  const chunked = `5;name="x"\r\n${BODY.slice(0, 5)}\r\na\r\n${BODY.slice(5)}\r\n0\r\nDigest: none\r\n\r\n`;
  const taken: Record<string, string> = {
    'the whole URL': request(`POST http://127.0.0.1:${agent.port}/v1/events HTTP/1.1`, [host, LENGTH]),
    'the whole URL, another Host': request('POST http://LOCALHOST/v1/events HTTP/1.1', ['Host: proxy.example', LENGTH]),
    'a query': request('POST /v1/events?till=1 HTTP/1.1', [host, LENGTH]),
    'HTTP/1.0 without Host': request('POST /v1/events HTTP/1.0', [LENGTH]),
    'a host with a final dot': request(line, ['Host: localhost.', LENGTH]),
    'another spelling of IPv6': request(line, ['Host: [0:0:0:0:0:0:0:1]:7070', LENGTH]),
    'chunks with an extension and a trailer': request(
      line,
      [host, 'Transfer-Encoding: Chunked', 'Trailer: Digest'],
      chunked,
    ),
    'Expect: 100-Continue': request(line, [host, LENGTH, 'Expect: 100-Continue']),
    'an offer of HTTP/2 (Java)': request(line, [
      host,
      LENGTH,
      'Upgrade: h2c',
      'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
    ]),
    'an empty encoding': request(line, [host, LENGTH, 'Content-Encoding:']),
    'the identity': request(line, [host, LENGTH, 'Content-Encoding: Identity, identity']),
    'headers without spaces': request(line, [
      host.replace(' ', ''),
      LENGTH.replace(' ', ''),
      'content-type:application/json',
    ]),
    'an empty line before': `\r\n${request(line, [host, LENGTH])}`,
  };
  for (const [what, text] of Object.entries(taken)) t.match(await speak(agent, text), { status: 201 }, what);
});

t.test('refused in words', async (t) => {
  const agent = await startAgentProcess(t, writeConfig(testDir(t)));
  const host = `Host: 127.0.0.1:${agent.port}`;
  const line = 'POST /v1/events HTTP/1.1';
  const refused: Record<string, [text: string, status: number, words: RegExp]> = {
    'without Host': [request(line, [LENGTH]), 400, /Host header/],
    'two Hosts': [request(line, [host, 'Host: evil.example', LENGTH]), 400, /one Host header/],
    'a URL of another host': [
      request('POST http://evil.example/v1/events HTTP/1.1', [host, LENGTH]),
      403,
      /does not name/,
    ],
    'an unknown expectation': [request(line, [host, LENGTH, 'Expect: 200-ok']), 417, /100-continue/],
    'a transfer coding': [request(line, [host, 'Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 501, /chunked/],
    'an encoding': [request(line, [host, LENGTH, 'Content-Encoding: GZIP']), 415, /uncompressed/],
    TLS: ['\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', 400, /not https/],
    'a head of 64 KiB': [request(line, [host, LENGTH, `X: ${'x'.repeat(65_536)}`]), 431, /16 KiB/],
    'another path': [request('POST //v1/events HTTP/1.1', [host, LENGTH]), 404, /\/v1\/events/],
    PUT: [request('PUT /v1/events HTTP/1.1', [host, LENGTH]), 405, /takes POST/],
    nothing: [request(line, [host, 'Content-Length: 0'], ''), 400, /is empty/],
  };
  for (const [what, [text, status, words]] of Object.entries(refused)) {
    const answer = await speak(agent, text);
    t.equal(answer.status, status, what);
    t.match(answer.body, words, what);
    t.match(answer.head, /application\/problem\+json/, what);
  }
  const encoded = await speak(agent, refused['an encoding']![0]);
  t.match(encoded.head, /accept-encoding: identity/i);
});
