/**
 * Configuration of a standalone HBase (ZooKeeper, master and region server in one JVM) on the local
 * file Thrift2 gateway, all on loopback.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOST, type Ports } from './ports.ts';

/** Writes the folder that is first on the class path. */
export async function writeSite(conf: string, dir: string, ports: Ports): Promise<void> {
  await mkdir(conf, { recursive: true });
  await writeFile(join(conf, 'hbase-site.xml'), siteXml(settings(dir, ports)));
  await writeFile(join(conf, 'log4j2.properties'), LOGGING);
}

function settings(dir: string, ports: Ports): Record<string, string | number | boolean> {
  return {
    'hbase.cluster.distributed': false,
    'hbase.rootdir': `file://${join(dir, 'data')}`,
    'hbase.tmp.dir': join(dir, 'tmp'),
    // HBase requires streams that can sync on Hadoop's local file system, and does not start
    // without.
    'hbase.unsafe.stream.capability.enforce': true,
    'hbase.wal.hsync': true,

    'hbase.zookeeper.quorum': HOST,
    'hbase.zookeeper.property.dataDir': join(dir, 'zookeeper'),
    'hbase.zookeeper.property.clientPort': ports.zookeeper,
    'hbase.zookeeper.property.clientPortAddress': HOST,
    // On shutdown ZooKeeper stops first; the region server must not retry for half a minute.
    'zookeeper.recovery.retry': 1,
    'zookeeper.recovery.retry.intervalmill': 100,
    'hbase.master.port': ports.master,
    'hbase.regionserver.port': ports.regionServer,
    'hbase.master.hostname': 'localhost',
    'hbase.unsafe.regionserver.hostname': 'localhost',
    // The web pages are not in the jars.
    'hbase.master.info.port': -1,
    'hbase.regionserver.info.port': -1,
    'hbase.thrift.info.port': -1,
    'hbase.master.wait.on.regionservers.maxtostart': 1,

    'hbase.regionserver.thrift.port': ports.thrift,
    'hbase.regionserver.thrift.ipaddress': HOST,
    'hbase.thrift.minWorkerThreads': 16,
    // Retries of the gateway itself: its defaults (20 minutes) would hold its threads long after
    // our timeout.
    'hbase.client.retries.number': 4,
    'hbase.rpc.timeout': 5_000,
    'hbase.client.operation.timeout': 15_000,
  };
}

function siteXml(properties: Record<string, string | number | boolean>): string {
  const lines = Object.entries(properties).map(
    ([name, value]) => `  <property><name>${name}</name><value>${escapeXml(String(value))}</value></property>`,
  );
  return `<?xml version="1.0"?>\n<configuration>\n${lines.join('\n')}\n</configuration>\n`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** One log file per process, named by a system property; at most about 40 MB. */
const LOGGING = `status = warn
appender.file.type = RollingFile
appender.file.name = file
appender.file.fileName = \${sys:tillstream.log}
appender.file.filePattern = \${sys:tillstream.log}.%i
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %d{ISO8601} %-5p [%.40t] %c{2}: %m%n
appender.file.policies.type = Policies
appender.file.policies.size.type = SizeBasedTriggeringPolicy
appender.file.policies.size.size = 10MB
appender.file.strategy.type = DefaultRolloverStrategy
appender.file.strategy.max = 3
rootLogger = INFO,file
`;
