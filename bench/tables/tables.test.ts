import { describe, expect, it } from 'vitest';
import { meanScore, sklearnMean } from './scores.ts';
import { tables } from './tables.ts';

/** How far below scikit-learn's mean ours may be. */
const tolerance = 0.02;

describe('tables of ten split seeds, with nothing set but mlp', () => {
  for (const table of tables) {
    it(`${table.name}: ${table.metric} keeps up with scikit-learn`, async () => {
      const ours = await meanScore(table);
      expect(ours).toBeGreaterThan(sklearnMean(table) - tolerance);
    }, 60_000);
  }
});
