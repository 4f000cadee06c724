/** What HTTP refuses, and how much is under way, for Prometheus. */
import { Counter, Gauge, type Registry } from 'prom-client';

/** Which bound was met. */
export type Refusal =
  | 'connections'
  | 'connections-address'
  | 'file-handles'
  | 'body'
  | 'slow-reader'
  | 'answers-merchant'
  | 'answers-address'
  | 'answers'
  | 'answer-wait'
  | 'wrong-keys'
  | 'key-lookups'
  | 'question';

export interface AdmissionMetrics {
  readonly refused: (reason: Refusal) => void;
  readonly connections: (open: number) => void;
  readonly answers: (underWay: number, waiting: number) => void;
}

export function admissionMetrics(registry: Registry): AdmissionMetrics {
  const registers = [registry];
  const refused = new Counter({
    name: 'tillstream_http_refused_total',
    help: 'Connections and requests refused or cut, by the limit that was met.',
    labelNames: ['reason'],
    registers,
  });
  let open = 0;
  let answers = { underWay: 0, waiting: 0 };
  new Gauge({
    name: 'tillstream_http_connections',
    help: 'Open HTTP connections.',
    registers,
    collect() {
      this.set(open);
    },
  });
  new Gauge({
    name: 'tillstream_http_answers',
    help: 'Answers to merchants that are under way or waiting.',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'under way' }, answers.underWay);
      this.set({ state: 'waiting' }, answers.waiting);
    },
  });
  return {
    refused: (reason) => refused.inc({ reason }),
    connections: (now) => {
      open = now;
    },
    answers: (underWay, waiting) => {
      answers = { underWay, waiting };
    },
  };
}
