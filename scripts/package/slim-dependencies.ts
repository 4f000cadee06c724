/**
 * Omits from the bundle what the agent's dependencies contain and the agent never runs. Each
 * replacement is searched in the dependency's text or imports, and the build fails when it is
 * missing: a new version has to be reviewed.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Plugin } from 'esbuild';

/** mqtt.js's own modules that only a browser, a mini program or a SOCKS proxy needs. */
const UNUSED_BY_MQTT = ['./socks', './ali', './wx', 'worker-timers'];
const STUB = 'module.exports = () => { throw new Error("left out of this build"); };';

/**
 * mqtt.js loads WebSockets and TLS with the first connection of any kind; here each on first use.
 */
const EAGER = /protocols\.(\w+) = require\('(\.\/(?:ws|tcp|tls))'\)\.(streamBuilder|default);/g;
const EAGER_COUNT = 6;

export const slimDependencies: Plugin = {
  name: 'slim-dependencies',
  setup(build) {
    const stubbed = new Set<string>();
    build.onResolve({ filter: /^(\.\/(socks|ali|wx)|worker-timers)$/ }, ({ path, importer }) => {
      if (!/[/\\]mqtt[/\\]build[/\\]/.test(importer)) return undefined;
      stubbed.add(path);
      return { path, namespace: 'left-out' };
    });
    build.onLoad({ filter: /.*/, namespace: 'left-out' }, () => ({ contents: STUB, loader: 'js' }));

    build.onLoad({ filter: /[/\\]mqtt[/\\]build[/\\]lib[/\\]connect[/\\]index\.js$/ }, ({ path }) => {
      let count = 0;
      const contents = readFileSync(path, 'utf8').replace(EAGER, (_, protocol, module, member) => {
        count++;
        return `protocols.${protocol} = (...args) => require('${module}').${member}(...args);`;
      });
      if (count !== EAGER_COUNT) throw new Error(`${path}: expected ${EAGER_COUNT} protocols, found ${count}`);
      return { contents, loader: 'js' };
    });

    build.onEnd(({ errors }) => {
      const left = UNUSED_BY_MQTT.filter((name) => !stubbed.has(name));
      if (errors.length === 0 && left.length > 0)
        return { errors: [{ text: `mqtt.js does not import ${left.join(', ')} any more` }] };
      return undefined;
    });
  },
};

/** Smaller modules in place of dependencies' own, with the same function. */
export const SLIM_ALIASES: Readonly<Record<string, string>> = {
  // What readable-stream itself exports under READABLE_STREAM=disable: Node's own streams.
  'readable-stream': 'node:stream',
  // Without the search for an optional native part, which is not packaged.
  msgpackr: join(dirname(createRequire(import.meta.url).resolve('msgpackr')), '..', 'index.js'),
};
