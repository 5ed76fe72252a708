// Builds the native engine with CMake into build/native. Plain Node >= 20, no dependencies: it runs
// before anything else works. Usage: node tools/native/build.mjs [--tests] [--asan | --tsan] [--build-only] [--quiet]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const flags = new Set(process.argv.slice(2));
// Addresses and undefined behaviour, or races of threads: each in a build of its own.
const sanitizer = flags.has('--asan') ? 'asan' : flags.has('--tsan') ? 'tsan' : '';
const tests = flags.has('--tests') || sanitizer !== '';
const quiet = flags.has('--quiet');
const known = ['--tests', '--asan', '--tsan', '--build-only', '--quiet'];
for (const flag of flags) {
  if (!known.includes(flag)) fail(`Unknown option ${flag}; there are ${known.join(', ')}.`);
}

const source = path.join(root, 'native');
const folder = path.join(root, 'build', sanitizer === '' ? 'native' : `native-${sanitizer}`);
const stampFile = path.join(folder, tests ? '.stamp-tests' : '.stamp');
const product = path.join(folder, sanitizer === '' ? 'vanda_engine.node' : 'vanda_tests');

function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function say(sentence) {
  if (!quiet) process.stderr.write(`${sentence}\n`);
}

// Every source file by name, size and time: cheap enough to look at on every start.
function fingerprint() {
  const hash = createHash('sha256');
  const visit = (directory) => {
    for (const entry of readdirSync(directory, { withFileTypes: true }).sort((a, b) =>
      a.name < b.name ? -1 : 1,
    )) {
      const full = path.join(directory, entry.name);
      if (entry.isDirectory()) visit(full);
      else {
        const info = statSync(full);
        hash.update(`${path.relative(root, full)} ${info.size} ${info.mtimeMs}\n`);
      }
    }
  };
  visit(source);
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  return hash.digest('hex');
}

function missingTools() {
  const missing = [];
  const has = (command) => spawnSync(command, ['--version'], { stdio: 'ignore' }).status === 0;
  if (!has('cmake')) missing.push('cmake');
  if (!has('c++') && !has('g++') && !has('clang++')) missing.push('g++');
  if (!has('make') && !has('ninja')) missing.push('make');
  const headers = ['/usr/include', '/usr/local/include', '/opt/homebrew/include'];
  const inPrefix = (process.env.CMAKE_PREFIX_PATH ?? '')
    .split(path.delimiter)
    .filter(Boolean)
    .map((p) => path.join(p, 'include'));
  const found = [...headers, ...inPrefix].some(
    (p) => existsSync(path.join(p, 'oneapi/dnnl/dnnl.hpp')) || existsSync(path.join(p, 'dnnl.hpp')),
  );
  if (!found) missing.push('libdnnl-dev');
  return missing;
}

function headerFolders() {
  const require = createRequire(path.join(root, 'packages/engine/package.json'));
  try {
    const nodeApi = require('node-api-headers').include_dir;
    const addonApi = path.dirname(require.resolve('node-addon-api/package.json'));
    return { nodeApi, addonApi };
  } catch {
    return fail(
      'The npm packages are not installed yet: run `npm install` first, then build the native engine again.',
    );
  }
}

function run(command, args, { onLine, log }) {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let rest = '';
    const take = (chunk) => {
      log.push(chunk.toString());
      rest += chunk.toString();
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', () => resolve(127));
    child.on('close', (code) => resolve(code ?? 1));
  });
}

// One line that is rewritten on a terminal, a few lines elsewhere.
function progress() {
  let shown = -25;
  return (line) => {
    const match = /^\[\s*(\d+)%\]/.exec(line);
    if (!match || quiet) return;
    const percent = Number(match[1]);
    if (process.stderr.isTTY) process.stderr.write(`\r  building the native engine ${percent}% `);
    else if (percent >= shown + 25) {
      shown = percent;
      say(`  building the native engine ${percent}%`);
    }
  };
}

function failWithLog(what, log) {
  const text = log.join('');
  const file = path.join(folder, 'build.log');
  writeFileSync(file, text);
  const errors = text
    .split('\n')
    .filter((line) => /error|fatal|FAILED|not found/i.test(line))
    .slice(0, 8);
  fail(`${what} The whole log is in ${path.relative(root, file)}.\n${errors.join('\n')}`);
}

async function main() {
  const before = fingerprint();
  const upToDate =
    existsSync(product) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === before;
  if (!upToDate) {
    const missing = missingTools();
    if (missing.length > 0) {
      fail(
        `The native engine cannot be built: ${missing.join(', ')} missing. On Debian or Ubuntu: apt-get install -y ${missing.join(' ')}`,
      );
    }
    const { nodeApi, addonApi } = headerFolders();
    mkdirSync(folder, { recursive: true });
    say('Building the native engine (C++, once; a few minutes on two cores).');
    const log = [];
    const configure = [
      '-S',
      source,
      '-B',
      folder,
      '-DCMAKE_BUILD_TYPE=Release',
      `-DVANDA_NODE_API_INCLUDE=${nodeApi}`,
      `-DVANDA_NODE_ADDON_API_INCLUDE=${addonApi}`,
      `-DVANDA_TESTS=${tests ? 'ON' : 'OFF'}`,
      `-DVANDA_SANITIZER=${sanitizer}`,
    ];
    if ((await run('cmake', configure, { log })) !== 0)
      failWithLog('CMake could not configure the native engine.', log);
    const jobs = String(Math.max(1, Math.min(os.availableParallelism?.() ?? 2, 8)));
    const code = await run('cmake', ['--build', folder, '-j', jobs], { log, onLine: progress() });
    if (process.stderr.isTTY && !quiet) process.stderr.write('\r\x1b[K');
    if (code !== 0) failWithLog('The native engine did not compile.', log);
    // Written last and in one piece: an interrupted build is taken up where it stopped.
    writeFileSync(`${stampFile}.new`, before);
    renameSync(`${stampFile}.new`, stampFile);
    say('The native engine is built.');
  }
  if (tests && !flags.has('--build-only')) {
    const suppressions = (tool) => path.join(root, 'tools/native', `${tool}.supp`);
    const env = {
      ...process.env,
      LSAN_OPTIONS: `suppressions=${suppressions('lsan')}`,
      UBSAN_OPTIONS: 'print_stacktrace=1',
      TSAN_OPTIONS: `suppressions=${suppressions('tsan')} second_deadlock_stack=1`,
    };
    // The fuzzers keep one core busy each for half a minute; the tests need not wait for them.
    const words = ['--test-dir', folder, '--output-on-failure', '--parallel', '2'];
    const result = spawnSync('ctest', words, {
      stdio: 'inherit',
      env,
    });
    process.exit(result.status ?? 1);
  }
}

await main();
