export { launchBrowser } from './browser.ts';
export { type FakeClock, fakeClock } from './fake-clock.ts';
export {
  type OwnPostgres,
  startOwnPostgres,
  startPostgres,
  type TestDatabase,
  type TestPostgres,
} from './postgres.ts';
export { startRedis, type TestRedis } from './redis.ts';
export { s3Missing, startS3, type TestS3 } from './s3.ts';
export { seededRandom, testSeed } from './seeded-random.ts';
export { type StackOptions, startStack, type TestStack } from './stack.ts';
