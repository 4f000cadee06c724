/** Debian's documents in /usr/share/doc. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

export const MAINTAINER = 'Tillstream maintainers <maintainers@tillstream.invalid>';

interface Described {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
}

function licenseOf(folder: string): string {
  const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Described;
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  const text =
    file === undefined ? `License: ${license ?? 'see the package'}` : readFileSync(join(folder, file), 'utf8');
  return `${'-'.repeat(80)}\n${name} ${version}\n\n${text.trim()}\n`;
}

/** @param packages folders of the contained packages, each with its license */
export function copyright(packages: readonly string[]): string {
  const head = 'Tillstream is not licensed for others. What it is made of is, as follows.\n';
  return [head, ...packages.map(licenseOf)].join('\n');
}

/** @param epoch seconds since 1970 */
export function changelog(version: string, epoch: number): string {
  const date = new Date(epoch * 1000).toUTCString().replace('GMT', '+0000');
  return `tillstream-agent (${version}) stable; urgency=medium\n\n  * See CHANGELOG.md of the source.\n\n -- ${MAINTAINER}  ${date}\n`;
}

export interface ControlFields {
  readonly version: string;
  /** Debian's name. */
  readonly architecture: string;
  readonly installedKiB: number;
}

/**
 * The dependencies are Node's libraries by `readelf -d`, at the versions of the symbols it needs.
 */
export const control = ({ version, architecture, installedKiB }: ControlFields): string => `Package: tillstream-agent
Version: ${version}
Architecture: ${architecture}
Maintainer: ${MAINTAINER}
Installed-Size: ${installedKiB}
Depends: libc6 (>= 2.28), libstdc++6 (>= 5.2), libgcc-s1 | libgcc1, libatomic1
Section: net
Priority: optional
Description: keeps a till's sales and ships them to the collector
 Takes events from the till's software over HTTP on loopback, keeps them in a
 file until the collector has stored them, and ships them in compressed batches
 over MQTT. Comes with its own Node runtime.
`;
