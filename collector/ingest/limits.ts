/** The limits of collector/ingest: what anybody may cause there at most. See docs/limits.md. */
import type { Limits } from '../../shared/limits.ts';
import { MAX_LOSS_SEQS } from '../../shared/wire/loss.ts';

const KIB = 1024;
const MIB = 1024 * KIB;
const GIB = 1024 * MIB;

export const INGEST_LIMITS = {
  decodeTurn: {
    value: 4,
    unit: 'ms',
    why: 'A turn of the event loop begins no further decode after this time, so that others get theirs. Merchants take turns by the time they used, and so do the terminals of one: an ack waits for one batch of those who used no more.',
  },
  heldBytes: {
    value: 32 * MIB,
    unit: 'bytes',
    why: 'Batches in memory from arrival to ack; a merchant holds as much as is left to others, so at most half. 64 tills of one merchant at their full window; beyond, windows shrink by credit.',
  },
  batchesPerTerminal: {
    value: 64,
    unit: 'count',
    why: 'Batches of a terminal without an ack, over all its connections. An agent sends 4, and 4 more when it reconnects.',
  },
  bytesPerTerminal: {
    value: MIB,
    unit: 'bytes',
    why: 'Bytes of those batches. An agent sends 256 KiB, and as many more when it reconnects.',
  },
  groupRows: { value: 1_000, unit: 'count', why: 'Batches that share a commit. More wait for the next one.' },
  groupBytes: { value: MIB, unit: 'bytes', why: 'Bytes that share a commit: one call to HBase.' },
  groupGather: {
    value: 20,
    unit: 'ms',
    why: 'How long a commit waits for batches that are being decoded. A lone batch waits for nobody.',
  },
  storeWait: {
    value: 25_000,
    unit: 'ms',
    why: 'A batch that was not stored by then, counted from its arrival, is answered busy: before its till doubts the connection after 30 s.',
  },
  storeSilence: {
    value: 1_000,
    unit: 'ms',
    why: 'Batches that arrive while the store has answered no commit for this time are answered busy at once, undecoded: it is locked, slow or away. Those that wait already are stored if it answers in time.',
  },
  unaskedBatches: {
    value: 4,
    unit: 'count',
    why: 'Batches of a terminal without an ack, beyond which the store is asked whether it has a batch before that is decoded. An agent sends 4, so it is asked only after a reconnect.',
  },
  lookupWait: {
    value: 2_000,
    unit: 'ms',
    why: 'How long a batch waits for the store to say whether it has it already, before it is decoded.',
  },
  rememberedBatches: {
    value: 65_536,
    unit: 'count',
    why: 'Stored batches whose repeat is answered without decoding it; an older one is decoded again.',
  },
  rememberedClearances: {
    value: 500_000,
    unit: 'count',
    why: 'Epochs whose last clearance is remembered, and merchants with a due mark of their finality; of a forgotten one the next status counts.',
  },
  rememberedMarks: {
    value: 200_000,
    unit: 'count',
    why: 'Due marks that cover later batches of the same hour and terminal; a forgotten one is made again.',
  },
  bytesPerDay: {
    value: 2 * GIB,
    unit: 'bytes',
    why: 'What a terminal may store in a UTC day, each batch with 256 bytes for its row. A full buffer of the default size takes less than half of it when drained, even if nothing could be compressed; a usual till takes 100 KB.',
    key: 'ingest.quotas.bytesPerDay',
  },
  eventsPerDay: {
    value: 20_000_000,
    unit: 'count',
    why: 'Seqs that a terminal may store in a UTC day, as events or as losses. A full buffer of the default size holds less than half of it, a usual day has 200 events.',
    key: 'ingest.quotas.eventsPerDay',
  },
  quotaShare: {
    value: 1 / 16,
    unit: 'ratio',
    why: 'Part of a quota that a process counts alone before it adds it to the sum in the store: what each further process, and each restart, may add to a quota.',
  },
  quotaTerminals: {
    value: 50_000,
    unit: 'count',
    why: 'Terminals counted in memory; the one that stored longest ago is forgotten first, with less than a share.',
  },
  lossSeqsPerRecord: {
    value: MAX_LOSS_SEQS,
    unit: 'count',
    why: 'Seqs that one loss record may name; they count against eventsPerDay. Agents begin another record there.',
  },
  epochsPerTerminal: {
    value: 512,
    unit: 'count',
    why: 'Epochs of a terminal whose status is kept; those seen longest ago are deleted. A till opens one a start, and names at most 256 in a status.',
  },
  newEpochsAtOnce: {
    value: 512,
    unit: 'count',
    why: 'New epochs that a terminal may name at once: twice what fits into a status, as after 300 starts without a connection.',
  },
  newEpochs: {
    value: 1 / 60,
    unit: '1/s',
    why: 'New epochs of a terminal in the long run: one start a minute. Further ones get no status row until then; their events are stored all the same.',
  },
  statusRowsAtOnce: {
    value: 512,
    unit: 'count',
    why: 'Status rows of a terminal that are written at once, one for each epoch that it names. The last status waits for the next ones.',
  },
  statusRows: {
    value: 0.5,
    unit: '1/s',
    why: 'Status rows of a terminal in the long run. An agent sends a status each 15 minutes and on change.',
  },
  waitingStatuses: {
    value: 20_000,
    unit: 'count',
    why: 'Epochs whose status waits to be written; a merchant holds as many as are left to others, so at most half. A status beyond is dropped, and the next one says the same.',
  },
  statusesPerWrite: { value: 500, unit: 'count', why: 'Status rows in one call to the store.' },
  rememberedTerminals: {
    value: 50_000,
    unit: 'count',
    why: 'Terminals whose epochs and rates are remembered; more than may be connected.',
  },
  rememberedEpochs: {
    value: 200_000,
    unit: 'count',
    why: 'Epochs that are remembered over all terminals; of a forgotten one the store is read again.',
  },
  claimsPerStatus: {
    value: 12,
    unit: 'count',
    why: 'Runs of acknowledged seqs in a status that are looked for in the store. An agent names at most 5 of events and 2 of loss records.',
  },
  seqsPerClaim: {
    value: 1_000,
    unit: 'count',
    why: 'Seqs of such a run that are looked for, the last ones. An agent names at most 256.',
  },
  keysPerClaimCheck: {
    value: 8_192,
    unit: 'count',
    why: 'Row keys read for the runs of one status; what they do not tell is believed. A usual status takes some ten, the worst of an agent 256 and 5,000 before them.',
  },
  claimChecksAtOnce: {
    value: 8,
    unit: 'count',
    why: 'Statuses of a terminal in a row whose runs are looked for; of further ones they are believed. An agent sends a status a connection and each 15 minutes.',
  },
  claimChecks: { value: 1 / 60, unit: '1/s', why: 'Such statuses of a terminal in the long run: ten times as many.' },
  claimCheckWait: {
    value: 2_000,
    unit: 'ms',
    why: 'How long the answer to a status waits for the store to tell of its runs, before they are believed. What the store tells later is told at the next status.',
  },
  claimCheckTurn: {
    value: 15_000,
    unit: 'ms',
    why: 'How long a status waits before that for its turn to be looked for: with claimCheckWait less than the 30 s after which a till doubts the connection.',
  },
  claimChecksRunning: {
    value: 64,
    unit: 'count',
    why: 'Such questions to the store at a time. Further statuses wait for their turn, one merchant after the other.',
  },
  claimChecksWaiting: {
    value: 16_384,
    unit: 'count',
    why: 'Statuses that wait for their turn, some 2 KiB each; a merchant has as many as are left to others. Beyond it the runs are believed until the next one, at most 15 minutes later. It is all tills of a full collector after a restore.',
  },
  newGenerationEvery: {
    value: 3_600_000,
    unit: 'ms',
    why: 'How often a terminal gets another store generation because the store lacks what it names: each makes it send again what it keeps. A store is restored less often.',
  },
  clockDifference: {
    value: 5_000,
    unit: 'ms',
    why: "How far this machine's clock and the store's own (HBase) may be apart: further, tills are told to wait and no figures are rolled up. Two collectors are then at most 10 s apart, which is what due marks allow for. NTP keeps clocks within milliseconds.",
  },
} as const satisfies Limits;

/** What a row takes in the raw log besides the batch: key, cell and index, bytes. */
export const ROW_BYTES = 256;

/** As `StatusWriter` takes them. */
export const STATUS_LIMITS = {
  maxEpochs: INGEST_LIMITS.epochsPerTerminal.value,
  rows: { burst: INGEST_LIMITS.statusRowsAtOnce.value, perSecond: INGEST_LIMITS.statusRows.value },
  newEpochs: { burst: INGEST_LIMITS.newEpochsAtOnce.value, perSecond: INGEST_LIMITS.newEpochs.value },
  maxWaiting: INGEST_LIMITS.waitingStatuses.value,
  maxRows: INGEST_LIMITS.statusesPerWrite.value,
  maxBooks: INGEST_LIMITS.rememberedTerminals.value,
  maxKnown: INGEST_LIMITS.rememberedEpochs.value,
  maxRemembered: INGEST_LIMITS.rememberedClearances.value,
} as const;
