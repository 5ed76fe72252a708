import { VandaError } from '@vanda/contracts';

/** The push cannot become a version; the sentence is what the user reads. */
export function badData(sentence: string): VandaError {
  return new VandaError('bad-data', sentence);
}
