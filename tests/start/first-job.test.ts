import { execSync } from 'node:child_process';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makePlace, type Place, Start, untilNobodyLives } from './start-vanda.fixture.ts';

let place: Place;
let running: Start | undefined;

beforeAll(async () => {
  place = await makePlace();
});
afterEach(async () => {
  await running?.kill();
});
afterAll(async () => {
  await untilNobodyLives(place);
  place.remove();
});

test('the first job is done once, however often its start is cut off', async () => {
  running = new Start(place);
  await running.until(/Training/, 180_000);
  await new Promise((resolve) => setTimeout(resolve, 5000));
  await running.kill();
  await untilNobodyLives(place);

  running = new Start(place);
  await running.until(/Vanda is ready/, 400_000);
  expect(running.output).not.toContain('Uploading');
  expect(running.output).toMatch(/digits@1: 9[89]\.\d\d % of the test pictures right/);
  expect(running.output).toContain('is         7    2    1    0    4    1    4    9    5    9');
  expect(running.output).toContain('predicted  7    2    1    0    4    1    4    9');

  const line = (await running.until(/^\s+(curl .*)$/m))[1] ?? '';
  const answer = JSON.parse(
    execSync(line, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
  );
  expect(answer.predictions[0].label).toBe('7');
  expect(await running.interrupt()).toBe(0);

  running = new Start(place);
  await running.until(/Vanda is ready/);
  expect(running.output).not.toContain('Training');
}, 700_000);
