import t from 'tap';
import { curlCommands } from '../../../../scripts/start/curl-commands.ts';

t.test('the commands hold nothing that a shell would take apart', async (t) => {
  const commands = curlCommands({
    apiUrl: 'http://127.0.0.1:8080',
    merchant: 'demo',
    key: 'k_3Nf-x',
    timeZone: 'Asia/Kolkata',
    now: Date.UTC(2026, 10, 22, 20),
  });
  t.equal(commands.length, 3);
  for (const command of commands) {
    t.notMatch(command, /[$!`%\\\n']/);
    t.equal(command.split('"').length, 5, 'two quoted arguments');
  }
  t.match(commands[0], 'interval=hour&from=2026-11-23&to=2026-11-24&tz=Asia/Kolkata', 'today is the local day');
});
