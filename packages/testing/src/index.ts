export {
  type OwnPostgres,
  startOwnPostgres,
  startPostgres,
  type TestDatabase,
  type TestPostgres,
} from './postgres.ts';
export { startRedis, type TestRedis } from './redis.ts';
