import { spawn } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { root } from '../setup/npm-packages.mjs';

/**
 * Runs a suite with its output on the screen, and keeps a copy. The settings of an installation
 * on this machine do not reach it: tests have state and ports of their own.
 */
export function runVisibly([program = '', ...args]: string[]): Promise<{
  code: number;
  output: string;
}> {
  const foreign = (name: string) => name.startsWith('VANDA_') && !name.startsWith('VANDA_TEST_');
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !foreign(name)));
  env.PATH = `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH}`;
  if (process.stdout.isTTY) env.FORCE_COLOR ??= '1';
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    const pass = (to: NodeJS.WriteStream) => (chunk: Buffer) => {
      output += chunk.toString();
      to.write(chunk);
    };
    child.stdout.on('data', pass(process.stdout));
    child.stderr.on('data', pass(process.stderr));
    child.once('error', (error) => resolve({ code: 127, output: error.message }));
    child.once('close', (code) => resolve({ code: code ?? 1, output }));
    const stop = () => child.kill('SIGTERM');
    process.once('SIGTERM', stop);
    process.once('SIGINT', stop);
  });
}
