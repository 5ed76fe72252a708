import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type VandaSettings, vandaEnvironment } from '../services/vanda.ts';
import { root } from '../setup/npm-packages.mjs';
import { mustRun, SetupError } from '../setup/run-command.mjs';
import { writePrivate } from './home.ts';

/** Where the CLI finds the installation and may enter it. */
export interface Profile {
  url: string;
  apiKey: string;
  /** Who signs in to the dashboard. */
  email: string;
}

/** Kept only until a screen has shown it. */
export interface FirstPassword {
  email: string;
  password: string;
}

/** Makes the owner's account at the first start, and the profile that the CLI reads. */
export async function ensureOwner(settings: VandaSettings): Promise<Profile> {
  const file = join(settings.home, 'profile.json');
  if (existsSync(file)) {
    const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
    if (profile.url !== settings.publicUrl) {
      profile.url = settings.publicUrl;
      writePrivate(file, profile);
    }
    return profile;
  }
  const script = join(root, 'apps/api/src/create-owner.ts');
  const env = vandaEnvironment(settings);
  // --renew: an owner without a profile is one whose first start was cut off right here.
  const args = [script, '--renew'];
  const failed = "The owner's account could not be made";
  const output = await mustRun(failed, process.execPath, args, { cwd: root, env });
  const answer = lastJson(output);
  if (!answer?.apiKey) throw new SetupError(`${failed}: ${output.trim()}`);
  const { apiKey, email = '', password = '' } = answer;
  const profile: Profile = { url: settings.publicUrl, apiKey, email };
  const first: FirstPassword = { email, password };
  writePrivate(firstPasswordFile(settings.home), first);
  writePrivate(file, profile);
  return profile;
}

/** The first password, when no screen has shown it yet. */
export function readFirstPassword(home: string): FirstPassword | null {
  const file = firstPasswordFile(home);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as FirstPassword) : null;
}

/** Once it has been shown, the password stands nowhere but in its owner's notes. */
export function forgetFirstPassword(home: string): void {
  rmSync(firstPasswordFile(home), { force: true });
}

function firstPasswordFile(home: string): string {
  return join(home, 'first-password.json');
}

interface CreateOwnerAnswer {
  email?: string;
  password?: string;
  apiKey?: string;
}

function lastJson(output: string): CreateOwnerAnswer | null {
  const line = output
    .trim()
    .split('\n')
    .findLast((text: string) => text.startsWith('{'));
  return line ? (JSON.parse(line) as CreateOwnerAnswer) : null;
}
