import { VandaError } from '@vanda/contracts';
import { Command, CommanderError } from 'commander';
import packageJson from '../package.json' with { type: 'json' };
import type { Act } from './commands/act.ts';
import { addBackbones } from './commands/backbones.ts';
import { addDatasets } from './commands/datasets.ts';
import { addEndpoints } from './commands/endpoints.ts';
import { addJobs } from './commands/jobs.ts';
import { addKeys } from './commands/keys.ts';
import { addModels } from './commands/models.ts';
import { addPredict } from './commands/predict.ts';
import { readConfig } from './config.ts';
import { makeContext } from './context.ts';
import { problemOf, textOf } from './output/failure.ts';

const interrupt = new AbortController();
const json = process.argv.includes('--json');
/** The command whose words were wrong. */
let misused: Command | undefined;

/** A failure is one JSON value on stdout with --json, and one sentence on stderr otherwise. */
function fail(error: unknown, exitCode = 1): void {
  process.exitCode = exitCode;
  if (interrupt.signal.aborted) {
    process.exitCode = 130;
    error = new VandaError('unavailable', 'Stopped before the end.');
  }
  if (json) process.stdout.write(`${JSON.stringify(problemOf(error))}\n`);
  else process.stderr.write(`${textOf(error)}\n`);
}

const runs =
  <Words extends unknown[]>(read: (...words: Words) => Act) =>
  async (...words: Words): Promise<void> => {
    const context = makeContext(readConfig(process.env), json, interrupt.signal);
    await read(...words)(context);
  };

function makeProgram(): Command {
  const program = new Command('vanda')
    .description('Bring data, get a trained model, call it at a URL.')
    .version(packageJson.version)
    .option('--json', 'print exactly one JSON value')
    // Its own messages are told by fail(), in one place and one form.
    .configureOutput({ outputError: () => {} });
  addDatasets(program, runs);
  addJobs(program, runs);
  addModels(program, runs);
  addBackbones(program, runs);
  addEndpoints(program, runs);
  addPredict(program, runs);
  addKeys(program, runs);
  for (const command of allOf(program)) {
    const exit = (error: CommanderError): never => {
      misused = command;
      throw error;
    };
    command.exitOverride(exit).configureOutput({ outputError: () => {} });
    // The flag may stand anywhere in the line.
    if (command !== program) command.option('--json', 'print exactly one JSON value');
  }
  return program;
}

/** Where a command's words are explained. */
function helpFor(command: Command | undefined): string {
  const names: string[] = [];
  for (let at: Command | null | undefined = command; at; at = at.parent) names.unshift(at.name());
  return `${names.join(' ') || 'vanda'} --help`;
}

function allOf(command: Command): Command[] {
  return [command, ...command.commands.flatMap(allOf)];
}

process.once('SIGINT', () => interrupt.abort(new Error('interrupted')));
process.once('SIGTERM', () => interrupt.abort(new Error('interrupted')));
// A reader that has seen enough (`| head`) is no failure.
process.stdout.on('error', () => process.exit());

try {
  await makeProgram().parseAsync(process.argv);
} catch (error) {
  if (!(error instanceof CommanderError)) fail(error);
  else if (error.exitCode !== 0) {
    const sentence = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
    const stopped = error.code === 'commander.help' ? 'Name a command' : sentence;
    const text = `${stopped.replace(/[.]$/, '')}. See ${helpFor(misused)}`;
    fail(new VandaError('invalid-request', text), 2);
  }
}
