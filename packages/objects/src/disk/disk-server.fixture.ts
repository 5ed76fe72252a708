import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { diskObjectRoutes } from './disk-object-routes.ts';
import { DiskObjectStore } from './disk-store.ts';

// A server for tests that weigh a process: tells its port, and its peak of memory when asked.
const [folder = '', secret = ''] = process.argv.slice(2);
const store = new DiskObjectStore({ folder, secret, publicUrl: 'http://127.0.0.1' });
const server = createServer(diskObjectRoutes(store));
server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
process.on('message', () => process.send?.(process.resourceUsage().maxRSS * 1024));
