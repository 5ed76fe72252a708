// `npm start` from here on runs under the pinned Node, with all packages installed.
import { portTrouble } from '../services/free-port.ts';
import { ensureBuilt } from '../setup/build.mjs';
import { dropStep, elapsed, say } from '../setup/progress.mjs';
import { SetupError } from '../setup/run-command.mjs';
import { demoIsDone, runDemo } from './demo.ts';
import { lockHome, openHome } from './home.ts';
import { Machine } from './machine.ts';
import { ensureOwner } from './owner.ts';
import { showScreen } from './screen.ts';
import { readSettings, type StartSettings } from './settings.ts';
import { untilAskedToStop } from './until-asked-to-stop.ts';

const asked = untilAskedToStop();
let machine: Machine | undefined;
let unlock = () => {};
try {
  const settings = readSettings(process.env);
  openHome(settings.home);
  unlock = lockHome(settings.home);
  await Promise.race([start(settings), asked.promise]);
  await asked.promise;
} catch (error) {
  // Being stopped makes whatever was under way fail; only other failures are news.
  if (!asked.happened) {
    process.stderr.write(`\n${sentenceFor(error as NodeJS.ErrnoException)}\n`);
    process.exitCode = 1;
  }
} finally {
  dropStep();
  const from = Date.now();
  if (machine) {
    say();
    say('Stopping ...');
    await machine.stop();
    say(`Stopped in ${elapsed(Date.now() - from)}. \`npm start\` goes on from here.`);
  }
  unlock();
}
process.exit();

async function start(settings: StartSettings): Promise<void> {
  const servers = new Machine(settings.home);
  await servers.reapLeftovers();
  await ensurePortsFree(settings);
  await ensureBuilt();
  machine = servers;
  const vanda = await servers.start(settings);
  const profile = await ensureOwner(vanda);
  if (!process.argv.includes('--no-demo') && !demoIsDone(settings.home)) {
    await runDemo(settings.home, profile);
  }
  if (!asked.happened) showScreen(vanda, profile);
}

function sentenceFor(error: NodeJS.ErrnoException): string {
  if (error instanceof SetupError) return error.message;
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return 'The disk is full. Free some space, then start again: it goes on from here.';
  }
  return error.stack ?? error.message;
}

async function ensurePortsFree({ host, port, inferencePort }: StartSettings): Promise<void> {
  const wanted = [
    { port, name: 'VANDA_PORT', use: 'the API and the dashboard' },
    { port: inferencePort, name: 'VANDA_INFERENCE_PORT', use: 'the inference server' },
  ];
  for (const { port, name, use } of wanted) {
    const trouble = await portTrouble(port, host);
    if (trouble === null) continue;
    if (trouble === 'EADDRINUSE') {
      throw new SetupError(
        `Port ${port} on ${host}, meant for ${use}, is taken by another program: stop that one, ` +
          `or choose another port with ${name}=${port + 10} npm start.`,
      );
    }
    throw new SetupError(
      `Nothing can listen on ${host}, port ${port} (${trouble}): set VANDA_HOST to an address of this ` +
        `machine and ${name} to a port that this account may use.`,
    );
  }
}
