import { parentPort, workerData } from 'node:worker_threads';

/**
 * A thread of an attempt's process that ends it when the worker is gone, for systems without setpriv. A thread,
 * since native code may hold the main one; whoever loses its parent is given to another process (getppid(2)).
 */
const { parent } = workerData as { parent: number };
setInterval(() => {
  if (process.ppid !== parent) process.kill(process.pid, 'SIGKILL');
}, 500);
parentPort?.unref();
