import { PassThrough } from 'node:stream';
import t from 'tap';
import { type RequeueOutcome, showRequeue } from '../../../../agent/inspect/requeue.ts';
import { cliOutputOn } from '../../../../agent/inspect/terminal/cli-output.ts';

async function shown(outcome: Partial<RequeueOutcome>) {
  const [output, errors] = [new PassThrough(), new PassThrough()];
  const whole = { requeued: 0, duplicates: 0, refused: [], dryRun: false, ...outcome };
  const isDone = await showRequeue(
    whole,
    false,
    cliOutputOn(output, errors, {}, () => 0),
  );
  return { isDone, output: String(output.read() ?? ''), errors: String(errors.read() ?? '') };
}

t.test('duplicates that are left out are told, and are no failure', async (t) => {
  t.same(await shown({ duplicates: 2 }), {
    isDone: true,
    output: 'No event was requeued.\n',
    errors: 'Not requeued: 2 duplicates, which would be counted twice.\n',
  });
  t.same(await shown({ requeued: 1, dryRun: true }), {
    isDone: true,
    output: '1 event would be requeued.\n',
    errors: '',
  });
});

t.test('one that is named and refused is a failure', async (t) => {
  t.same(await shown({ refused: [{ stream: 's.1', seq: 3, fault: 'its checksum does not match' }] }), {
    isDone: false,
    output: 'No event was requeued.\n',
    errors: 's.1 seq 3 was not requeued: its checksum does not match\n',
  });
});
