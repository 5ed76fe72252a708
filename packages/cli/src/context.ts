import { type Client, createClient } from '@vanda/client';
import type { Config } from './config.ts';
import { Progress } from './output/progress.ts';

/** What every command is given. */
export interface Context {
  config: Config;
  client: Client;
  signal: AbortSignal;
  /** The command's answer: one JSON value with --json, the text otherwise. Called once. */
  answer(value: unknown, text: () => string): void;
  /** For the person who waits; on stderr. */
  note(text: string): void;
  progress(label: string): Progress;
}

export function makeContext(config: Config, json: boolean, signal: AbortSignal): Context {
  return {
    config,
    // Nobody there is told within seconds; a server that restarts in the middle is waited for.
    client: createClient({ baseUrl: config.url, apiKey: config.apiKey, retriesOnceReached: 9 }),
    signal,
    answer: (value, text) => {
      process.stdout.write(`${json ? JSON.stringify(value) : text()}\n`);
    },
    note: (text) => {
      process.stderr.write(`${text}\n`);
    },
    progress: (label) => new Progress(label),
  };
}
