import { existsSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { VandaSettings } from '../services/vanda.ts';
import { root } from '../setup/npm-packages.mjs';
import { say } from '../setup/progress.mjs';
import { exampleFile } from './demo-digits.ts';
import { forgetFirstPassword, type Profile, readFirstPassword } from './owner.ts';

/** The last lines of a start: where things are and how to get in. */
export function showScreen(settings: VandaSettings, profile: Profile): void {
  const { home } = settings;
  const first = readFirstPassword(home);
  say();
  say('Vanda is ready. Ctrl-C stops it; nothing is lost.');
  say();
  say(`  Dashboard       ${settings.publicUrl}`);
  if (first) {
    say(`  Sign in         ${first.email}`);
    say(
      `  Password        ${first.password}   (shown only now; npm run reset-password makes another)`,
    );
  } else {
    say(
      `  Sign in         ${profile.email} with your password (npm run reset-password makes another)`,
    );
  }
  // Another terminal does not know of a state folder that only this one was told of.
  const told = home === join(root, '.vanda') ? '' : `VANDA_HOME=${quoted(home)} `;
  say(
    `  Command line    ${told}npx vanda --help   (its key: ${join(shown(home), 'profile.json')})`,
  );
  if (existsSync(exampleFile(home))) {
    const header = join(home, 'curl-headers.txt');
    // In a file, so that the key stands neither on the screen nor in the shell's history.
    const lines = [`Authorization: Bearer ${profile.apiKey}`, 'Content-Type: application/json'];
    writeFileSync(header, `${lines.join('\n')}\n`, { mode: 0o600 });
    const url = `${settings.inferenceUrl}/v1/models/digits:predict`;
    say(`  Inference URL   ${url}`);
    say();
    say(`  curl -H @${quoted(header)} -d @${quoted(exampleFile(home))} ${url}`);
  } else {
    say(`  Inference URL   ${settings.inferenceUrl}/v1/models/NAME:predict`);
  }
  say();
  forgetFirstPassword(home);
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

function shown(path: string): string {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}
