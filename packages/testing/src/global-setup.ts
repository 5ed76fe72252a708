import { postgresProcess } from '../../../tools/services/postgres.ts';
import { SupervisedProcess } from '../../../tools/services/supervised-process.ts';
import { newCluster } from './postgres.ts';
import { makeRunFolder, removeFolder } from './run-folder.ts';
import { offerSharedServers } from './shared-servers.ts';

/** Vitest calls this once before all tests; what it returns, once after them. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = makeRunFolder('shared');
  const running: SupervisedProcess[] = [];
  const offer = await offerSharedServers(folder, {
    postgres: async () => {
      const cluster = await newCluster(folder, 'nothing');
      const postgres = new SupervisedProcess(await postgresProcess(cluster));
      running.push(postgres);
      await postgres.start();
      return cluster;
    },
  });
  return async () => {
    offer.close();
    await Promise.all(running.map((server) => server.stop()));
    removeFolder(folder);
  };
}
