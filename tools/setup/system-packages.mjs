// What Vanda needs from the system, and how it gets there.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { step } from './progress.mjs';
import { findProgram, mustRun, SetupError } from './run-command.mjs';

const headerFolders = ['/usr/include', '/usr/local/include', '/usr/include/oneapi/dnnl'];

/** @typedef {{packages: string[], present: () => boolean}} Need */

/** @type {Need[]} */
export const needsOfStart = [
  { packages: ['redis-server'], present: () => findProgram('redis-server') !== null },
  {
    packages: ['g++'],
    present: () =>
      Boolean(process.env.CXX) || ['c++', 'g++', 'clang++'].some((name) => findProgram(name)),
  },
  { packages: ['make'], present: () => ['make', 'ninja'].some((name) => findProgram(name)) },
  { packages: ['cmake'], present: () => findProgram('cmake') !== null },
  {
    packages: ['libdnnl-dev'],
    present: () => headerFolders.some((folder) => existsSync(`${folder}/dnnl.hpp`)),
  },
];

/** @type {Need[]} */
export const needsOfTest = [
  ...needsOfStart,
  {
    packages: ['chromium'],
    present: () =>
      ['chromium', 'chromium-browser', 'google-chrome'].some((name) => findProgram(name)),
  },
  {
    packages: ['doctest-dev'],
    present: () =>
      existsSync('/usr/include/doctest/doctest.h') ||
      existsSync('/usr/local/include/doctest/doctest.h'),
  },
];

/**
 * Installs what is missing by apt when this account may; else ends with one sentence.
 *
 * @param {Need[]} needs
 * @param {string} again the command to give after the user has installed them
 */
export async function ensureSystemPackages(needs, again) {
  const missing = needs.filter((need) => !need.present()).flatMap((need) => need.packages);
  if (missing.length === 0) return;
  const names = missing.join(' ');
  const byHand = `sudo apt-get update && sudo apt-get install -y ${names}`;
  const list = missing.join(', ');
  if (!findProgram('apt-get')) {
    throw new SetupError(
      `Vanda needs ${list} (by the names of Debian and Ubuntu), and there is no apt-get here: ` +
        `install them with your system's package manager, then run \`${again}\` again.`,
    );
  }
  const rights = rightsForApt();
  if (rights === null) {
    throw new SetupError(
      `Vanda needs ${list}, and this account may not install packages: run \`${byHand}\`, then \`${again}\` again.`,
    );
  }
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' };
  const apt = (...args) => {
    const [command, ...rest] = [
      ...rights,
      'apt-get',
      '-y',
      '-o',
      'DPkg::Lock::Timeout=120',
      ...args,
    ];
    return mustRun(
      `${list} could not be installed; \`${byHand}\` does the same by hand`,
      command,
      rest,
      { env },
    );
  };
  await step(`Installing ${list} (apt)`, async (report) => {
    report(null, 'reading the package lists');
    await apt('update');
    report(null, 'downloading and unpacking');
    await apt('install', '--no-install-recommends', ...missing);
  });
  const still = needs.filter((need) => !need.present()).flatMap((need) => need.packages);
  if (still.length > 0) {
    throw new SetupError(
      `apt installed ${still.join(', ')}, but it is not where Vanda looks for it.`,
    );
  }
}

function rightsForApt() {
  if (process.getuid?.() === 0) return [];
  if (findProgram('sudo') && spawnSync('sudo', ['-n', 'true']).status === 0) {
    return ['sudo', '-n', '--preserve-env=DEBIAN_FRONTEND,LC_ALL'];
  }
  return null;
}
