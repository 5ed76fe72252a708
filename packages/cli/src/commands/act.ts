import type { Context } from '../context.ts';

/** What a command does once its words are read; it calls `context.answer` once. */
export type Act = (context: Context) => Promise<void>;
/** Makes commander's action of a function from words and flags to an Act. */
export type Runs = <Words extends unknown[]>(
  read: (...words: Words) => Act,
) => (...words: Words) => Promise<void>;
