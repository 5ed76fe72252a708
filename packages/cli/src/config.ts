import { existsSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VandaError } from '@vanda/contracts';

/** Where to ask, as whom, and where the command keeps what it must remember between two runs. */
export interface Config {
  url: string;
  apiKey: string;
  stateFolder: string;
}

interface Profile {
  url?: string;
  apiKey?: string;
}

const usualUrl = 'http://127.0.0.1:3000';
const checkoutHome = join(import.meta.dirname, '../../../.vanda');

/** VANDA_URL and VANDA_API_KEY, else the profile that `npm start` wrote. A profile's key goes to its own address only. */
export function readConfig(env: NodeJS.ProcessEnv): Config {
  const home = env.VANDA_HOME || checkoutHome;
  const profile = readProfile(join(home, 'profile.json'));
  const url = (env.VANDA_URL || profile.url || usualUrl).replace(/\/+$/, '');
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new VandaError(
      'invalid-request',
      `"${url}" is not an address: VANDA_URL is like ${usualUrl}.`,
    );
  }
  const sameServer = profile.url === undefined || profile.url.replace(/\/+$/, '') === url;
  const apiKey = env.VANDA_API_KEY || (sameServer ? profile.apiKey : undefined);
  if (apiKey === undefined) {
    throw new VandaError(
      'unauthenticated',
      env.VANDA_URL
        ? `There is no API key for ${url}: set VANDA_API_KEY.`
        : `There is no profile in ${home}: start Vanda with npm start (with the same VANDA_HOME, where you set one), ` +
            'or set VANDA_URL and VANDA_API_KEY.',
    );
  }
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return { url, apiKey, stateFolder: existsSync(home) ? join(home, 'cli') : join(cache, 'vanda') };
}

function readProfile(file: string): Profile {
  if (!existsSync(file)) return {};
  try {
    const profile = JSON.parse(readFileSync(file, 'utf8')) as Profile;
    if (typeof profile === 'object' && profile !== null) return profile;
  } catch {
    // Told below, with the way out.
  }
  throw new VandaError(
    'invalid-request',
    `The profile ${file} cannot be read: delete it and run npm start, or set VANDA_URL and VANDA_API_KEY.`,
  );
}
