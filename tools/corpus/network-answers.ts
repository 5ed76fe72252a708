import type { Tensor } from '@vanda/engine';
import { Session } from '@vanda/engine';
import type { ImportedNetwork } from '@vanda/formats';

export async function answers(
  { graph, outputs }: ImportedNetwork,
  feeds: Record<string, Tensor>,
): Promise<Record<string, Tensor>> {
  const session = new Session(graph);
  try {
    return await session.run(feeds, outputs);
  } finally {
    session.close();
  }
}
