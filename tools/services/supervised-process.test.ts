import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { identifyProcess, reapLeftover, writeIdentity } from './process-identity.ts';
import { type ProcessEvent, type ProcessSpec, SupervisedProcess } from './supervised-process.ts';

const folder = mkdtempSync(join(tmpdir(), 'vanda-supervised-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** A server in a line of JavaScript. */
function server(script: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return { name: 'server', command: process.execPath, args: ['-e', script], ...more };
}

const readyLine = `console.log('{"ready":true}');`;
const stayUp = 'setInterval(() => {}, 1000);';

test('a server is ready when its line says so, and gone after stop', async () => {
  const running = new SupervisedProcess(server(`${readyLine}${stayUp}`));
  await running.start();
  const pid = running.pid ?? 0;
  expect(identifyProcess(pid)).not.toBe(null);
  await running.stop();
  expect(identifyProcess(pid)).toBe(null);
});

test('a server that is killed comes back, and whoever listens is told how it ended', async () => {
  const events: ProcessEvent[] = [];
  const running = new SupervisedProcess(server(`${readyLine}${stayUp}`), (event) =>
    events.push(event),
  );
  await running.start();
  const first = running.pid;
  await running.killAndWait();
  expect(running.restarts).toBe(1);
  expect(running.pid).not.toBe(first);
  expect(events).toContainEqual(expect.objectContaining({ kind: 'ended', how: 'SIGKILL' }));
  expect(events).toContainEqual(expect.objectContaining({ kind: 'ready', restarts: 1 }));
  await running.stop();
});

test('whoever waits for a server that dies before it is ready waits for the next one', async () => {
  const file = join(folder, 'starts');
  const script = `const fs = require('fs');
    fs.appendFileSync('${file}', '.');
    if (fs.statSync('${file}').size === 2) process.exit(3);
    ${readyLine} ${stayUp}`;
  const running = new SupervisedProcess(server(script));
  await running.start();
  await running.killAndWait();
  expect(running.restarts).toBe(2);
  await running.stop();
});

test('a server that dies at once waits longer every time', async () => {
  const delays: number[] = [];
  const file = join(folder, 'ran-before');
  const script = `const fs = require('fs');
    if (fs.existsSync('${file}')) process.exit(3);
    fs.writeFileSync('${file}', ''); ${readyLine} setTimeout(() => process.exit(3), 50);`;
  const running = new SupervisedProcess(server(script), (event) => {
    if (event.kind === 'ended') delays.push(event.delayMs);
  });
  await running.start();
  await expect.poll(() => delays.length, { timeout: 10_000 }).toBeGreaterThanOrEqual(3);
  await running.stop();
  expect(delays.slice(0, 3)).toEqual([250, 500, 1000]);
});

test('a server that never becomes ready fails the start with its last words', async () => {
  const running = new SupervisedProcess(
    server("console.error('no such database'); process.exit(1)"),
  );
  await expect(running.start()).rejects.toThrow(/ended before it was ready.*\n.*no such database/);
});

test('a program that does not exist fails the start', async () => {
  const spec = { name: 'nothing', command: '/nowhere/nothing', args: [] };
  await expect(new SupervisedProcess(spec).start()).rejects.toThrow(/nothing ended before/);
});

test('a server that does not stop in order is stopped by force', async () => {
  const script = `process.on('SIGTERM', () => {}); ${readyLine}${stayUp}`;
  const running = new SupervisedProcess(server(script, { graceMs: 300 }));
  await running.start();
  const pid = running.pid ?? 0;
  await running.stop();
  expect(identifyProcess(pid)).toBe(null);
});

test('what a server started goes with it', async () => {
  const file = join(folder, 'grandchild');
  const script = `const child = require('child_process').spawn('sleep', ['100']);
    require('fs').writeFileSync('${file}', String(child.pid)); ${readyLine}${stayUp}`;
  const running = new SupervisedProcess(server(script));
  await running.start();
  const grandchild = Number(readFileSync(file, 'utf8'));
  expect(identifyProcess(grandchild)).not.toBe(null);
  await running.stop();
  await expect.poll(() => identifyProcess(grandchild)).toBe(null);
});

test('no server outlives a supervisor that is killed', async () => {
  const script = join(folder, 'supervisor.ts');
  const module = join(import.meta.dirname, 'supervised-process.ts');
  writeFileSync(
    script,
    `import { SupervisedProcess } from '${module}';
    const running = new SupervisedProcess({ name: 's', command: 'sleep', args: ['100'], probe: () => true });
    await running.start();
    console.log(running.pid);
    setInterval(() => {}, 1000);`,
  );
  const supervisor = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = await new Promise<number>((resolve) =>
    supervisor.stdout.once('data', (chunk) => resolve(Number(chunk))),
  );
  expect(identifyProcess(pid)).not.toBe(null);
  supervisor.kill('SIGKILL');
  await expect.poll(() => identifyProcess(pid), { timeout: 5000 }).toBe(null);
});

test('a leftover is ended; a process that merely has its id is not', async () => {
  const child = spawn('sleep', ['100']);
  const file = join(folder, 'left.json');
  writeFileSync(file, JSON.stringify({ pid: child.pid, startTicks: '1' }));
  expect(await reapLeftover(file)).toBe(false);
  expect(identifyProcess(child.pid ?? 0)).not.toBe(null);
  writeIdentity(file, child.pid ?? 0);
  expect(await reapLeftover(file)).toBe(true);
  expect(identifyProcess(child.pid ?? 0)).toBe(null);
});

test('everything that a server says is in its log', async () => {
  const logFile = join(folder, 'server.log');
  const script = `console.error('starting'); ${readyLine}${stayUp}`;
  const running = new SupervisedProcess(server(script, { logFile }));
  await running.start();
  await running.stop();
  expect(readFileSync(logFile, 'utf8')).toBe('starting\n{"ready":true}\n');
});
