/** Amounts are shown with the decimals of ISO 4217, wherever support sees them. */
import t from 'tap';
import { runAgent, startAgentProcess, writeConfig } from '../../support/agent/agent-process.ts';
import { postText } from '../../support/agent/till-posts.ts';
import { testDir } from '../../support/system/test-dir.ts';

t.setTimeout(120_000);

/** 1,299,000 minor units of each. */
const SHOWN: Readonly<Record<string, string>> = {
  COP: '12,990.00',
  IDR: '12,990.00',
  IRR: '12,990.00',
  HUF: '12,990.00',
  IQD: '1,299.000',
  KWD: '1,299.000',
  JPY: '1,299,000',
  CLP: '1,299,000',
  ISK: '1,299,000',
  CLF: '129.9000',
  INR: '12,990.00',
};

t.test('peek and the page show what the till sent', async (t) => {
  const config = writeConfig(testDir(t));
  const agent = await startAgentProcess(t, config);
  for (const currency of Object.keys(SHOWN))
    t.match(
      await postText(agent, JSON.stringify({ type: 'sale', ref: currency, amount: 1_299_000, currency })),
      { status: 201 },
      currency,
    );
  const { stdout } = await runAgent('peek', '--config', config, '--limit', '100');
  const page = await (await fetch(agent.url)).text();
  for (const [currency, shown] of Object.entries(SHOWN)) {
    const line = stdout.split('\n').find((line) => line.includes(` ${currency} `));
    t.ok(line?.split(/\s+/).includes(shown), `${currency} in peek: ${line}`);
    t.ok(page.includes(`${shown} ${currency}`), `${currency} on the page`);
  }
});
