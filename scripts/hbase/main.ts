/** `npm run hbase`: runs a real HBase and its Thrift2 gateway on this machine. */
import { parseArgs } from 'node:util';
import { HBASE_HOME, HBASE_JARS } from './home.ts';
import { findHBase, type RunningHBase, startHBase, stopHBase } from './server.ts';

const HELP = `Usage: npm run hbase -- COMMAND [--json] [--dir DIR]

Runs a real HBase (standalone, on this machine's file system, every write synced) with its Thrift2 gateway, on loopback.
Needs Java 11 or 17, and Maven for the first start, which downloads about 120 MB.

Commands:
  start    start what is not running and wait until a call is answered; a restart keeps data and ports
  stop     stop both
  status   show where they run; exit status 1 if they do not

Options:
  --dir DIR  folder of data, configuration and logs (default: .tillstream/hbase)
  --json     one JSON document on standard output, everything else on standard error
             start, status: {"host","port","pid","masterPid","dir","version"}: pid is the gateway's, masterPid HBase's

Examples:
  npm run hbase -- start
  npm run --silent hbase -- start --json
  npm run hbase -- status
  npm run hbase -- stop
`;

async function main(argv: readonly string[]): Promise<number> {
  let args: ReturnType<typeof parse>;
  try {
    args = parse(argv);
  } catch (fault) {
    return misused((fault as Error).message);
  }
  const { json, help } = args.values;
  const dir = args.values.dir ?? HBASE_HOME;
  const [command, ...rest] = args.positionals;
  const print = (document: object, text: string) => console.log(json ? JSON.stringify(document) : text);
  if (help) {
    console.log(HELP);
    return 0;
  }
  if (rest.length > 0) return misused(`unexpected ${rest.join(' ')}`);
  switch (command) {
    case 'start': {
      const running = await startHBase({ dir, jars: HBASE_JARS, log: (line) => console.error(line) });
      print(running, describe(running));
      return 0;
    }
    case 'stop': {
      const stopped = await stopHBase(dir);
      print({ stopped, dir }, stopped ? 'stopped' : `nothing runs in ${dir}`);
      return 0;
    }
    case 'status': {
      const running = await findHBase(dir);
      print(running ?? { running: false, dir }, running === null ? `not running in ${dir}` : describe(running));
      return running === null ? 1 : 0;
    }
    default:
      return misused(command === undefined ? 'a command is missing' : `unknown command ${command}`);
  }
}

function parse(argv: readonly string[]) {
  const options = {
    json: { type: 'boolean' },
    dir: { type: 'string' },
    help: { type: 'boolean', short: 'h' },
  } as const;
  return parseArgs({ args: [...argv], options, allowPositionals: true });
}

function misused(what: string): number {
  console.error(`${what}\n\n${HELP}`);
  return 2;
}

function describe({ host, port, pid, masterPid, dir, version }: RunningHBase): string {
  return `HBase ${version} is up
  Thrift2 gateway  ${host}:${port} (pid ${pid})
  HBase            pid ${masterPid}
  data and logs    ${dir}
  collector.yaml   store: {kind: hbase, host: ${host}, port: ${port}}
stop it with: npm run hbase -- stop`;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (fault) {
  console.error((fault as Error).message);
  process.exitCode = 1;
}
