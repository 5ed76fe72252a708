import { makePlace, Start } from '../../tests/start/start-vanda.fixture.ts';
import type { Measurement } from '../result.ts';

/** How long `npm start` takes where everything was installed and built by a start before. */
export async function secondStart(): Promise<Measurement> {
  const place = await makePlace();
  const ready = /Vanda is ready/;
  try {
    const times: number[] = [];
    for (let index = 0; index < 4; index++) {
      const from = performance.now();
      const start = new Start(place, '--no-demo');
      await start.until(ready, 600_000);
      if (index > 0) times.push(performance.now() - from);
      await start.interrupt();
    }
    const median = times.sort((a, b) => a - b)[1] ?? Number.NaN;
    return {
      case: 'second-start',
      system: 'vanda',
      value: median * 1000,
      unit: 'us',
      better: 'lower',
    };
  } finally {
    place.remove();
  }
}
