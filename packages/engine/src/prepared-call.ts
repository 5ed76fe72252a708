import type { NativePreparedCall } from './native.ts';
import type { Feeds, Fetches, Results } from './session.ts';
import { namedTensors } from './tensor.ts';

/**
 * A call that is made often, for instance one request at a time: the plan and the memory are found once, and a run
 * looks up no name and allocates nothing. Fill `feeds.x.data`, call `run()`, read the results before the next run.
 */
export class PreparedCall<F extends Fetches = Fetches> {
  /** Their data is the memory that a run reads. Inputs that no output depends on are not there. */
  readonly feeds: Feeds;
  /** Their data is the memory that a run writes. */
  readonly outputs: Results<F>;
  readonly #native: NativePreparedCall;

  constructor(handle: NativePreparedCall, names: readonly string[]) {
    this.#native = handle;
    this.feeds = namedTensors(handle.feeds());
    const outputs = handle.outputs();
    this.outputs = Object.fromEntries(
      names.map((name, i) => [name, outputs[i]]),
    ) as unknown as Results<F>;
  }

  /** Runs on the calling thread. `step` is what dropout and schedules see. */
  run(step = 0): Results<F> {
    this.#native.run(step);
    return this.outputs;
  }
}
