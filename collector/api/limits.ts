/** The limits of collector/api: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';

const KIB = 1024;
const MIB = 1024 * KIB;

/** What a connection may hold and how long it may take. */
const CONNECTIONS = {
  httpConnections: {
    value: 1_000,
    unit: 'count',
    key: 'http.maxConnections',
    why: 'Open HTTP connections. At the bound the one that has waited longest for its client makes room, so a health check always gets in. A dashboard has 6.',
  },
  httpConnectionsPerAddress: {
    value: 256,
    unit: 'count',
    why: 'Of one address that is not in http.trustedProxies (IPv6: of one /64). The one that has waited longest for its client makes room. A browser has 6, a proxy some 100.',
  },
  httpHeaderBytes: {
    value: 16 * KIB,
    unit: 'bytes',
    why: 'Request line and headers. A question with 8 filters and a key has less than 2 KiB.',
  },
  httpPipelinedBytes: {
    value: 4 * KIB,
    unit: 'bytes',
    why: 'Bytes that a connection may send ahead of its answer; then it is not read. No browser and hardly any client pipelines, and nothing is lost by waiting.',
  },
  httpRequestsPerConnection: {
    value: 10_000,
    unit: 'count',
    why: 'Then the connection ends with its answer and the client opens another one, so that load spreads over collectors. Hours of a dashboard.',
  },
  httpHeaderMs: {
    value: 10_000,
    unit: 'ms',
    why: 'For a request to arrive whole. 2 KiB over a line of 2 KiB/s take 1 s.',
  },
  httpKeepAliveMs: {
    value: 75_000,
    unit: 'ms',
    why: 'How long an idle connection stays open: longer than the 60 s of usual load balancers, which must be the ones to close.',
  },
  httpWriteMs: {
    value: 20_000,
    unit: 'ms',
    why: 'For the client to take the next 64 KiB of an answer; an answer that nobody reads is cut. A line of 4 KiB/s takes 16 s.',
  },
  metricsFreshMs: {
    value: 1_000,
    unit: 'ms',
    why: 'How long /metrics is served as it was rendered, since anybody may ask for it. Prometheus asks every 15 s.',
  },
} as const satisfies Limits;

/** Answers under way: who waits for whom. */
const ANSWERS = {
  answers: {
    value: 32,
    unit: 'count',
    why: 'Answers under way in the process: bounds their memory. One takes some milliseconds, so 32 are thousands a second.',
  },
  answersPerMerchant: {
    value: 2,
    unit: 'count',
    why: "Of one merchant; its other questions wait for them. They share one CPU anyway, so a dashboard's 10 questions are answered as fast.",
  },
  answersWaiting: {
    value: 250,
    unit: 'count',
    why: 'Questions that wait, at most a quarter of http.maxConnections, so that others still get in. More come only from 25 dashboards in the same moment.',
  },
  answersWaitingPerMerchant: {
    value: 64,
    unit: 'count',
    why: 'Of one merchant. A dashboard asks 6 to 10 questions at once.',
  },
  answersPerAddress: {
    value: 128,
    unit: 'count',
    why: 'Under way and waiting, of one address that is not in http.trustedProxies. A back office that asks for many merchants from one address has dozens.',
  },
  answerWaitMs: {
    value: 30_000,
    unit: 'ms',
    why: 'How long a question waits for its place. A dashboard of 10 questions that take 1 s each waits 5 s.',
  },
} as const satisfies Limits;

/** What one question may cost. */
const QUESTIONS = {
  questionRows: {
    value: 500_000,
    unit: 'count',
    why: 'Rows that one question reads. A year by the hour has 8,760; raw events are answered in pages.',
  },
  questionBytes: {
    value: 1024 * MIB,
    unit: 'bytes',
    why: 'What they hold, unpacked. A year of a shop with 20 tills by terminal is some 100 MiB.',
  },
  questionMs: {
    value: 30_000,
    unit: 'ms',
    why: 'Own time of one question, without its waits for turns. Proxies give up after as long; a year by the day takes 0.1 s.',
  },
  openBucketBytes: {
    value: 96 * MIB,
    unit: 'bytes',
    why: "Memory of an answer's buckets that are still filling, with their percentiles and customers. 1,000 tills by quarter hours take 40 MiB, 900 tills with 1,000 customers each 90 MiB.",
  },
  articlesPerAnswer: {
    value: 100_000,
    unit: 'count',
    why: 'Different articles in the range of a ranking: about 20 MiB. A supermarket sells 50,000 in a year.',
  },
  eventsPageBytes: {
    value: 4 * MIB,
    unit: 'bytes',
    why: 'Of the events of one page, which then ends early and has a next one. A page of 1,000 usual events has 300 KiB.',
  },
  clearancesFresh: {
    value: 10_000,
    unit: 'ms',
    why: 'How long what the terminals said of their completeness is not read again for a merchant: a thousand terminals take some 5 ms.',
  },
  clearancesMerchants: {
    value: 256,
    unit: 'count',
    why: 'Merchants of which it is remembered; with 5,000 terminals each takes half a MiB.',
  },
  liveHourMargin: {
    value: 30_000,
    unit: 'ms',
    why: 'An hour without a rollup is kept up with by the rows that arrived since the last look, less this: a put is given up after 20 s, and two clocks are 5 s apart at most. What is visible later is found by the check.',
  },
  liveHourCheck: {
    value: 60_000,
    unit: 'ms',
    why: 'All keys of such an hour are counted once in this time while it is asked for: 300,000 keys cost a second of CPU.',
  },
  liveHourBytes: {
    value: 384 * MIB,
    unit: 'bytes',
    why: 'Memory of an hour without a rollup while it is folded for an answer, and of all other such hours that are remembered. 5,000 tills with a sale of two articles a minute take 270 MiB at its end.',
  },
  pastHourBytes: {
    value: 64 * MIB,
    unit: 'bytes',
    why: 'The same of an hour in an answer as of an earlier moment; it is not remembered. A thousand busy tills take 60 MiB.',
  },
} as const satisfies Limits;

/** Keys that are looked up. */
const KEYS = {
  wrongKeysBurst: {
    value: 60,
    unit: 'count',
    why: 'Unknown keys of one address in a burst; further ones are refused before the store is asked. A program with a wrong key tries one, and keys that were right lately are not counted.',
  },
  wrongKeysPerSecond: {
    value: 2,
    unit: '1/s',
    why: 'Unknown keys of one address in the long run. A person who mistypes a key needs 10 s for the next one.',
  },
  wrongKeyAddresses: {
    value: 10_000,
    unit: 'count',
    why: 'Addresses whose unknown keys are remembered, 200 bytes each; then the one that was wrong longest ago is forgotten.',
  },
  keyLookups: {
    value: 64,
    unit: 'count',
    why: 'Unknown keys being looked up in the store at once, and as many that were right lately: these are asked for again every 10 s. With 1 ms each, 64,000 a second.',
  },
  keysCached: {
    value: 10_000,
    unit: 'count',
    why: 'Keys remembered, 300 bytes each; then the one that was looked up longest ago is asked for again. Unknown keys are not among them.',
  },
  logicFresh: {
    value: 500,
    unit: 'ms',
    why: 'How long which logic version is active is not read again: a switch is seen within a second by all.',
  },
} as const satisfies Limits;

export const API_LIMITS = { ...CONNECTIONS, ...ANSWERS, ...QUESTIONS, ...KEYS } as const satisfies Limits;
