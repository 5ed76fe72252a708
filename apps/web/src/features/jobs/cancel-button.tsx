import { Button } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation } from '@tanstack/react-query';
import { cancelJob, type JobView } from '@vanda/contracts';
import { call } from '../../lib/call.ts';
import { refreshNoun } from '../../lib/queries.ts';
import { canCancel } from './job-state.ts';

export function CancelButton({ job }: { job: JobView }) {
  const cancel = useMutation({
    mutationFn: () => call(cancelJob, { params: { id: job.id } }),
    onSettled: () => refreshNoun('job'),
    onError: (error) =>
      notifications.show({ color: 'red', title: 'Not cancelled', message: error.message }),
  });
  if (!canCancel(job.state)) return null;
  return (
    <Button variant="default" onClick={() => cancel.mutate()} loading={cancel.isPending}>
      Cancel the job
    </Button>
  );
}
