/** Lays out the files of the Debian package in a folder. */
import { createHash } from 'node:crypto';
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { BUNDLE, type Bundle, SQLITE, sqliteBinary } from './bundle.ts';
import { changelog, control, copyright } from './debian-docs.ts';
import { tillExample } from './example-config.ts';
import { type Architecture, nodeRuntime } from './node-runtime.ts';
import { NODE_ENVIRONMENT, NODE_FLAGS } from './runtime-flags.ts';
import { strippedElf } from './strip-elf.ts';

const CONFIG = resolve(import.meta.dirname, '../../config');
const LIBRARY = 'usr/lib/tillstream';
const DOC = 'usr/share/doc/tillstream-agent';
const UNIT = 'tillstream-agent.service';
const SCRIPTS = ['postinst', 'prerm', 'postrm'] as const;

export const DEBIAN_NAMES: Readonly<Record<Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };

/** The wrapper script. It replaces NODE_OPTIONS, so the caller's do not affect the agent. */
const wrapper = (): string => {
  const environment = Object.entries(NODE_ENVIRONMENT).map(([name, value]) => `${name}=${value}`);
  return `#!/bin/sh
unset NODE_OPTIONS
export ${environment.join(' ')}
exec /${LIBRARY}/node ${NODE_FLAGS.join(' ')} /${LIBRARY}/${BUNDLE} "$@"
`;
};

export interface TreeOptions {
  /** An empty folder. */
  readonly root: string;
  readonly architecture: Architecture;
  readonly bundle: Bundle;
  readonly version: string;
  /** Date of the changelog, seconds since 1970. */
  readonly epoch: number;
  readonly log: (line: string) => void;
}

export function layOutAgent({ root, architecture, bundle, version, epoch, log }: TreeOptions): void {
  const put = (path: string, content: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    chmodSync(join(root, path), mode);
  };
  const runtime = nodeRuntime(architecture, log);
  put(`${LIBRARY}/${BUNDLE}`, readFileSync(bundle.file));
  put(`${LIBRARY}/node`, strippedElf(readFileSync(join(runtime, 'bin/node'))), 0o755);
  put(`${LIBRARY}/${SQLITE}`, strippedElf(readFileSync(sqliteBinary(architecture))));
  put('usr/bin/tillstream-agent', wrapper(), 0o755);
  put(`usr/lib/systemd/system/${UNIT}`, readFileSync(join(CONFIG, 'systemd', UNIT)));
  put('usr/share/tillstream/agent.yaml', tillExample(readFileSync(join(CONFIG, 'agent.yaml'), 'utf8')));
  put(`${DOC}/copyright`, copyright([runtime, ...bundle.packages]));
  put(`${DOC}/changelog.gz`, gzipSync(changelog(version, epoch), { level: 9 }));

  const files = filesIn(root);
  const bytes = files.reduce((sum, file) => sum + lstatSync(file).size, 0);
  const sums = files.map((file) => `${md5(file)}  ${relative(root, file)}\n`);
  put('DEBIAN/md5sums', sums.join(''));
  const names = { version, architecture: DEBIAN_NAMES[architecture], installedKiB: Math.ceil(bytes / 1024) };
  put('DEBIAN/control', control(names));
  for (const script of SCRIPTS) put(`DEBIAN/${script}`, readFileSync(join(CONFIG, 'debian', script)), 0o755);
  withModes(root);
}

/** MD5 is what dpkg compares; it is not used for security. */
const md5 = (file: string): string => createHash('md5').update(readFileSync(file)).digest('hex');

const filesIn = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Sets file modes independently of the umask. */
function withModes(root: string): void {
  chmodSync(root, 0o755);
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) chmodSync(join(entry.parentPath, entry.name), 0o755);
  }
}
