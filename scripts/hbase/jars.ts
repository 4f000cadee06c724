/**
 * Downloads HBase's jars and the Thrift2 gateway's from Maven Central into a folder of our own:
 * there is no tarball to unpack and nothing to install. A folder appears only once it is complete,
 * so a partial download never counts.
 */
import { mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAlive } from './processes.ts';
import { runTool } from './tools.ts';

interface Release {
  readonly version: string;
  readonly thriftVersion: string;
}

/**
 * Newest first. Only the `-hadoop3` builds run on a Java newer than 8. The gateway's jar contains
 * no Hadoop, so its plain build of the same version is used where a repository lacks the `-hadoop3`
 * build.
 */
const RELEASES: readonly Release[] = [
  { version: '2.6.6-hadoop3', thriftVersion: '2.6.6-hadoop3' },
  { version: '2.6.1-hadoop3', thriftVersion: '2.6.1' },
];

const COPY_DEPENDENCIES = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies';

/** Loggers that would conflict with log4j 2 on the class path. */
const EXCLUDED = 'slf4j-reload4j,reload4j,slf4j-log4j12,log4j,logback-classic,logback-core,commons-logging';

const DOWNLOAD_MS = 15 * 60_000;

export interface Jars {
  readonly version: string;
  /** Folder that contains only the jars. */
  readonly folder: string;
}

/** Finds the jars in `cache`, or downloads them with Maven (about 120 MB). */
export async function provideJars(cache: string, log: (line: string) => void): Promise<Jars> {
  for (const { version } of RELEASES) {
    const folder = join(cache, version);
    if (await exists(folder)) return { version, folder };
  }
  await mkdir(cache, { recursive: true });
  await removeAbandoned(cache);
  log(`downloading HBase from Maven Central into ${cache} (some 120 MB, once) …`);
  let reason = '';
  for (const release of RELEASES) {
    const failure = await download(serverPom(release), cache, join(cache, release.version));
    if (failure === null) {
      log(`HBase ${release.version} is here`);
      return { version: release.version, folder: join(cache, release.version) };
    }
    log(`HBase ${release.version} can't be had: ${failure}`);
    reason = failure;
  }
  throw new Error(`no HBase could be downloaded: ${reason}`);
}

/** Partial downloads, named after the downloading process. */
const PARTIAL = 'partial-';

async function removeAbandoned(cache: string): Promise<void> {
  const partials = (await readdir(cache)).filter((name) => name.startsWith(PARTIAL));
  const abandoned = partials.filter((name) => !isAlive(Number(name.slice(PARTIAL.length))));
  await Promise.all(abandoned.map((name) => rm(join(cache, name), { recursive: true, force: true })));
}

/**
 * The jars of HBase's snapshot tools, which the server has no need of: `ExportSnapshot` runs as a
 * MapReduce job, here within its own process.
 */
export async function provideToolJars(cache: string, { version, folder }: Jars): Promise<string> {
  const tools = join(cache, `${version}-tools`);
  if (await exists(tools)) return tools;
  const core = (await readdir(folder)).find((name) => name.startsWith(HADOOP_CORE))!;
  const hadoop = core.slice(HADOOP_CORE.length, -'.jar'.length);
  const failure = await download(toolsPom(version, hadoop), cache, tools);
  if (failure !== null) throw new Error(`HBase's snapshot tools can't be had: ${failure}`);
  return tools;
}

/** OpenTSDB, which stores time series in HBase: for the bench. */
export async function provideOpenTsdb(cache: string): Promise<string> {
  const folder = join(cache, `opentsdb-${OPENTSDB}`);
  if (await exists(folder)) return folder;
  await mkdir(cache, { recursive: true });
  const without = ['com.google.gwt:gwt-user', 'net.opentsdb:opentsdb_gwt_theme'];
  // It needs the logger that it comes with.
  const failure = await download(pomOf([dependency('net.opentsdb', 'opentsdb', OPENTSDB, without)]), cache, folder, '');
  if (failure !== null) throw new Error(`OpenTSDB can't be had: ${failure}`);
  return folder;
}

const OPENTSDB = '2.4.1';
const HADOOP_CORE = 'hadoop-mapreduce-client-core-';

/** Null on success, else the reason of the failure. */
async function download(content: string, cache: string, folder: string, excluded = EXCLUDED): Promise<string | null> {
  const partial = join(cache, `${PARTIAL}${process.pid}`);
  try {
    await mkdir(partial, { recursive: true });
    const pom = join(partial, 'pom.xml');
    await writeFile(pom, content);
    const goals = [
      COPY_DEPENDENCIES,
      '-DincludeScope=runtime',
      '-DoutputDirectory=lib',
      ...(excluded === '' ? [] : [`-DexcludeArtifactIds=${excluded}`]),
    ];
    const maven = await runTool('mvn', ['-B', '-q', '-f', pom, ...goals], DOWNLOAD_MS);
    if (maven.status !== 0) return reasonIn(maven.output);
    await rename(join(partial, 'lib'), folder).catch(async (fault) => {
      // Another process has completed it first.
      if (!(await exists(folder))) throw fault;
    });
    return null;
  } finally {
    await rm(partial, { recursive: true, force: true });
  }
}

/** Extracts from Maven's output what could not be downloaded. */
function reasonIn(output: string): string {
  const errors = output.split('\n').filter((line) => line.includes('[ERROR]'));
  const line = errors[0] ?? output.trim().split('\n').at(-1) ?? 'Maven gave no reason';
  return line
    .replace(/^.*\[ERROR\]\s*/, '')
    .replace(/ -> \[Help \d+\]$/, '')
    .slice(0, 250);
}

const serverPom = ({ version, thriftVersion }: Release): string =>
  pomOf([
    dependency('org.apache.hbase', 'hbase-server', version, ['org.apache.hadoop:hadoop-minicluster']),
    dependency('org.apache.hbase', 'hbase-thrift', thriftVersion, ['*:*']),
    dependency('org.apache.thrift', 'libthrift', '0.14.1', ['*:*']),
    dependency('org.slf4j', 'jcl-over-slf4j', '1.7.36'),
    dependency('org.slf4j', 'jul-to-slf4j', '1.7.36'),
    dependency('org.apache.logging.log4j', 'log4j-api', '2.25.4'),
    dependency('org.apache.logging.log4j', 'log4j-core', '2.25.4'),
    dependency('org.apache.logging.log4j', 'log4j-slf4j-impl', '2.25.4'),
    dependency('org.apache.logging.log4j', 'log4j-1.2-api', '2.25.4'),
  ]);

const toolsPom = (version: string, hadoop: string): string =>
  pomOf([
    dependency('org.apache.hbase', 'hbase-mapreduce', version, ['*:*']),
    dependency('org.apache.hadoop', 'hadoop-mapreduce-client-common', hadoop, ['*:*']),
  ]);

const pomOf = (dependencies: readonly string[]): string => `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>tillstream</groupId><artifactId>hbase</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    ${dependencies.join('\n    ')}
  </dependencies>
</project>
`;

function dependency(group: string, artifact: string, version: string, without: readonly string[] = []): string {
  const exclusions = without.map((excluded) => {
    const [groupId, artifactId] = excluded.split(':');
    return `<exclusion><groupId>${groupId}</groupId><artifactId>${artifactId}</artifactId></exclusion>`;
  });
  const id = `<groupId>${group}</groupId><artifactId>${artifact}</artifactId><version>${version}</version>`;
  return `<dependency>${id}<exclusions>${exclusions.join('')}</exclusions></dependency>`;
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
