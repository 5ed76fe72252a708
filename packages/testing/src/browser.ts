import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const programs = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The system's Chromium, without a window. Close it in `afterAll`. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = programs.find((file) => existsSync(file));
  if (!executablePath) {
    throw new Error('There is no Chromium: `npm test` installs it, or `apt-get install chromium`.');
  }
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      // Debian's Chromium refuses to run as root inside its own sandbox.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
