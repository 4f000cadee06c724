/** The page on `/` in Chromium, beside real agents in good and bad situations. */
import type { Browser, Page } from 'playwright-core';
import t, { type Test } from 'tap';
import { type AgentProcess, startAgentProcess, writeConfig } from '../support/agent/agent-process.ts';
import { ScriptedCollector } from '../support/agent/scripted-collector.ts';
import { missingBrowser, startBrowser } from '../support/real/chromium.ts';
import { testDir } from '../support/system/test-dir.ts';

const CARD = '4111 1111 1111 1111';
const SALES = [
  { type: 'sale', amount: 129900, currency: 'INR', ref: 'R-1001', dims: { customer: 'Jane', method: 'upi' } },
  { type: 'refund', amount: 500, currency: 'JPY', ref: CARD, attrs: { card: CARD } },
];

function agentOf(t: Test, config: Record<string, unknown>): Promise<AgentProcess> {
  return startAgentProcess(t, writeConfig(testDir(t), config));
}

const post = (agent: AgentProcess, body: unknown): Promise<Response> =>
  fetch(`${agent.url}/v1/events`, { method: 'POST', body: JSON.stringify(body) });

interface Look {
  readonly page: Page;
  /** What the browser complained of. */
  readonly complaints: string[];
}

async function look(t: Test, browser: Browser, agent: AgentProcess, options = {}): Promise<Look> {
  const page = await browser.newPage({ viewport: { width: 1200, height: 900 }, ...options });
  t.teardown(() => page.close());
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('request', (request) => {
    if (new URL(request.url()).origin !== agent.url && !request.url().startsWith('data:'))
      complaints.push(`asks for ${request.url()}`);
  });
  await page.goto(agent.url);
  return { page, complaints };
}

/** The page asks for itself again until it says so. */
const says = (page: Page, selector: string, words: RegExp): Promise<void> =>
  page.locator(selector).filter({ hasText: words }).first().waitFor({ timeout: 30_000 });

if (missingBrowser) t.test('the support page in Chromium', { skip: missingBrowser }, async () => {});
else {
  const browser = await startBrowser();
  t.teardown(() => browser.close());

  t.test('all is well: what was sold is shipped, and no card number and no customer is shown', async (t) => {
    const collector = await ScriptedCollector.start();
    t.teardown(() => collector.stop());
    const agent = await agentOf(t, { collector: { urls: [`mqtt://127.0.0.1:${collector.port}`], token: 'secret' } });
    const { page, complaints } = await look(t, browser, agent);
    await says(page, '#state', /All shipped|Not connected/);
    await post(agent, SALES);
    await says(page, '#events', /R-1001/);
    await says(page, '#events', /acknowledged/);
    await says(page, '#state h2', /All shipped/);
    t.match(await page.title(), /All shipped – acme\/till-1/);
    t.match(await page.locator('#connection').innerText(), /connected to 127\.0\.0\.1/);
    const events = await page.locator('#events').innerText();
    t.match(events, '1,299.00 INR');
    t.match(events, '**** **** **** 1111');
    t.notMatch(await page.content(), /4111 1111 1111|Jane|secret/);
    t.same(complaints, []);
  });

  t.test('no network: it says so, how much waits, and that sales go on', async (t) => {
    const agent = await agentOf(t, {});
    await post(agent, SALES);
    const { page, complaints } = await look(t, browser, agent);
    await says(page, '#state h2', /Not shipping/);
    await says(page, '#state', /nothing listens there \(127\.0\.0\.1 port 1\); retries automatically/);
    await says(page, '#state', /2 events pending, safe in the buffer\. New sales are accepted/);
    await says(page, '#connection', /not shipping: nothing listens there/);
    t.same(complaints, []);
  });

  t.test('a refused token is told in these words', async (t) => {
    const collector = await ScriptedCollector.start();
    t.teardown(() => collector.stop());
    collector.connack = 4;
    const agent = await agentOf(t, { collector: { urls: [`mqtt://127.0.0.1:${collector.port}`], token: 'secret' } });
    await post(agent, SALES);
    const { page, complaints } = await look(t, browser, agent);
    await says(page, '#state', /the collector refuses the token/);
    t.same(complaints, []);
  });

  t.test('a full buffer is told in big words', async (t) => {
    const agent = await agentOf(t, { buffer: { path: `${testDir(t)}/buffer.db`, maxBytes: 16 * 1024 * 1024 } });
    const items = Array.from({ length: 2_000 }, (_, at) => ({ sku: `${'S'.repeat(58)}${at}`, qty: 1, price: 1 }));
    let status = 201;
    for (let at = 0; status === 201; at++)
      status = (await post(agent, { type: 'sale', ref: `big-${at}`, items })).status;
    t.equal(status, 507);
    const { page, complaints } = await look(t, browser, agent);
    await says(page, '#state h2', /Buffer full/);
    await says(page, '#state', /New sales are refused, and the till gets an error\. The stored events are safe/);
    t.equal(await page.locator('.state.bad').count(), 1);
    t.same(complaints, []);
  });

  t.test('when the agent is gone, the page says of when it is', async (t) => {
    const agent = await agentOf(t, {});
    const { page } = await look(t, browser, agent);
    agent.child.kill('SIGKILL');
    await says(page, '#stale', /The agent does not answer\. This page shows its state of /);
    t.ok(await page.locator('#stale').isVisible());
  });

  t.test(
    'it is whole without a script, on a phone no wider than the screen, and dark where the system is',
    async (t) => {
      const agent = await agentOf(t, {});
      await post(agent, SALES);
      const plain = await look(t, browser, agent, { javaScriptEnabled: false });
      t.match(await plain.page.locator('#events').innerText(), /R-1001/);
      const phone = await look(t, browser, agent, { viewport: { width: 360, height: 740 }, colorScheme: 'dark' });
      const { width, ground } = await phone.page.evaluate(() => {
        const { document, getComputedStyle } = globalThis as unknown as {
          document: { documentElement: { scrollWidth: number }; body: object };
          getComputedStyle: (element: object) => { backgroundColor: string };
        };
        return {
          width: document.documentElement.scrollWidth,
          ground: getComputedStyle(document.body).backgroundColor,
        };
      });
      t.equal(width, 360);
      t.equal(ground, 'rgb(20, 23, 28)');
      t.same(phone.complaints, []);
    },
  );

  t.test('a reader of the screen finds titles, headings and headers', async (t) => {
    const agent = await agentOf(t, {});
    await post(agent, SALES);
    const { page } = await look(t, browser, agent);
    await page.getByRole('heading', { level: 1, name: 'Till acme/till-1' }).waitFor();
    await page.getByRole('heading', { name: 'Latest events' }).waitFor();
    await page.getByRole('columnheader', { name: 'Amount' }).first().waitFor();
    await page.getByRole('table', { name: 'The latest events from the till' }).waitFor();
    await page.getByRole('img', { name: /^Pending events over the last/ }).waitFor();
    t.equal(await page.getByRole('status').count(), 1);
  });
}
