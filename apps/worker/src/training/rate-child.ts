import { measureRate } from '@vanda/estimators';

/** A process of its own, as trainings have: measures for the given number of threads, says it, and ends. */
process.on('disconnect', () => process.exit(1));
process.send?.({ loaded: true });
const rate = await measureRate({ threads: Number(process.argv[2]) });
process.send?.({ rate }, undefined, undefined, () => process.exit(0));
