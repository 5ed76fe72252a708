import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeIdentity } from '../services/process-identity.ts';
import { lockHome, openHome, openInstallation } from './home.ts';
import { readSettings } from './settings.ts';

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'vanda-home-'));
});
afterEach(() => rmSync(home, { recursive: true }));

test('two starts on one state folder: the second says who has it', () => {
  const unlock = lockHome(home);
  expect(() => lockHome(home)).toThrow(`already runs with the state folder ${home}`);
  unlock();
  lockHome(home)();
});

test('the lock of a start that was killed is taken over', async () => {
  const child = spawn('sleep', ['100']);
  writeIdentity(join(home, 'lock'), child.pid ?? 0);
  expect(() => lockHome(home)).toThrow('already runs');
  child.kill('SIGKILL');
  await new Promise((resolve) => child.once('exit', resolve));
  const unlock = lockHome(home);
  expect(JSON.parse(readFileSync(join(home, 'lock'), 'utf8')).pid).toBe(process.pid);
  unlock();
});

test('secrets and ports stay, for this account alone; a taken port is replaced', async () => {
  const first = await openInstallation(home);
  expect(await openInstallation(home)).toEqual(first);
  expect(first.secret).toMatch(/^[0-9a-f]{64}$/);
  expect(statSync(join(home, 'installation.json')).mode & 0o777).toBe(0o600);
  const other = createServer().listen(first.redisPort, '127.0.0.1');
  await new Promise((resolve) => other.once('listening', resolve));
  const second = await openInstallation(home);
  other.close();
  expect(second.redisPort).not.toBe(first.redisPort);
  expect({ ...second, redisPort: 0 }).toEqual({ ...first, redisPort: 0 });
});

test('a state folder that is no folder is refused with a sentence', () => {
  writeFileSync(join(home, 'file'), '');
  expect(() => openHome(join(home, 'file'))).toThrow(/cannot be written .* set VANDA_HOME/s);
});

test('settings have defaults, and a wrong one is named', () => {
  const settings = readSettings({});
  expect(settings).toMatchObject({ host: '127.0.0.1', port: 3000, inferencePort: 8501 });
  expect(settings.publicUrl).toBe('http://127.0.0.1:3000');
  expect(settings.objects).toBe(`disk:${settings.home}/objects`);
  expect(readSettings({ VANDA_HOST: '0.0.0.0', VANDA_PORT: '80' }).publicUrl).toBe(
    'http://127.0.0.1:80',
  );
  expect(() => readSettings({ VANDA_PORT: 'eighty' })).toThrow(/VANDA_PORT/);
  expect(() => readSettings({ VANDA_PORT: '8501' })).toThrow(/both 8501/);
  expect(() => readSettings({ VANDA_PUBLIC_URL: 'vanda.example' })).toThrow(/VANDA_PUBLIC_URL/);
});
