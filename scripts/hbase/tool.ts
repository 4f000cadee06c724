/**
 * A stand-in for the command `hbase` of an installed HBase, for one that came from Maven: its
 * snapshot tools are the real ones; of its shell it knows what snapshots need.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { provideJars, provideToolJars } from './jars.ts';
import { JAVA_FLAGS } from './processes.ts';

const SHELL = join(import.meta.dirname, 'SnapshotShell.java');

/**
 * Writes it into the folder of an HBase that has been started there. Its shell needs a JDK.
 *
 * @param jars as in `startHBase`
 * @returns its path
 */
export async function writeHBaseTool(dir: string, jars: string, log: (line: string) => void): Promise<string> {
  const server = await provideJars(jars, log);
  const tools = await provideToolJars(jars, server);
  const classPath = [join(dir, 'conf'), join(server.folder, '*'), join(tools, '*')].join(':');
  const java = ['java', ...JAVA_FLAGS, `-Dtillstream.log=${join(dir, 'logs', 'tool.log')}`, '-cp', classPath];
  const path = join(dir, 'hbase');
  const script = `#!/bin/sh
case "$1 $2" in
  "snapshot export") main=org.apache.hadoop.hbase.snapshot.ExportSnapshot; shift 2 ;;
  "snapshot info") main=org.apache.hadoop.hbase.snapshot.SnapshotInfo; shift 2 ;;
  "shell -n") main=${quoted(SHELL)}; shift 2 ;;
  *) main=$1; shift ;;
esac
exec ${java.map(quoted).join(' ')} "$main" "$@"
`;
  await writeFile(path, script, { mode: 0o755 });
  return path;
}

const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
