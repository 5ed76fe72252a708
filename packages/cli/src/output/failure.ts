import { ClientError } from '@vanda/client';
import { type Problem, toProblem, VandaError } from '@vanda/contracts';

/** Whatever was thrown, as the problem object that --json prints. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ClientError) {
    return error.answered ? error.problem : { ...error.problem, detail: sentenceOf(error) };
  }
  if (error instanceof VandaError) return toProblem(error);
  const code = isFileError(error) ? 'invalid-request' : 'internal';
  return toProblem(new VandaError(code, sentenceOf(error)));
}

/** One sentence, and a line for each field where there are several. Never a stack trace. */
export function textOf(error: unknown): string {
  const errors = error instanceof VandaError ? (error.errors ?? []) : [];
  const fields =
    errors.length > 1 ? errors.map(({ pointer, message }) => `\n  ${pointer}: ${message}`) : [];
  return `vanda: ${sentenceOf(error)}${fields.join('')}`;
}

function sentenceOf(error: unknown): string {
  if (error instanceof ClientError && !error.answered && error.message.startsWith('Nothing')) {
    return `${error.message.replace(/\.$/, '')}. Is it running? Start it with npm start.`;
  }
  if (error instanceof VandaError) return `${error.message}${whereToLook(error.message)}`;
  return fileSentence(error as NodeJS.ErrnoException);
}

/** Who wrote a name that is not there wants to see the names. */
function whereToLook(sentence: string): string {
  const [, noun, name = ''] =
    /^There is no (dataset|model|endpoint|job) (\S+?)\.$/.exec(sentence) ?? [];
  if (noun === undefined) return '';
  const [one, version] = name.split('@');
  return version === undefined
    ? ` See what there is: vanda ${noun}s list`
    : ` See what there is: vanda ${noun}s show ${one}`;
}

/** A file that was named and cannot be used is what the caller can put right. */
function isFileError(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? '';
  return ['ENOENT', 'EACCES', 'EPERM', 'EISDIR', 'ENOTDIR', 'ENAMETOOLONG'].includes(code);
}

function fileSentence(error: NodeJS.ErrnoException): string {
  const path = error.path?.slice(0, 200) ?? 'What was named';
  switch (error.code) {
    case 'ENOENT':
    case 'ENOTDIR':
      return `There is no file or folder ${path}.`;
    case 'EACCES':
    case 'EPERM':
      return `${path} may not be read or written by this user.`;
    case 'EISDIR':
      return `${path} is a folder, and a file is needed.`;
    case 'ENAMETOOLONG':
      return `${path}… is too long for the name of a file.`;
    case 'ENOSPC':
      return 'The disk is full.';
    default:
      return error.message || 'Something broke in this command.';
  }
}
