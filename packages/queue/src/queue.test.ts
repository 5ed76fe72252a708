import { setTimeout as sleep } from 'node:timers/promises';
import { startRedis, type TestRedis } from '@vanda/testing';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { type Consumer, consume } from './consumer.ts';
import { entryPriority, openSender, type QueueSender } from './sender.ts';

let redis: TestRedis;
let admin: Redis;
let sender: QueueSender;
const consumers: Consumer[] = [];

beforeAll(async () => {
  redis = await startRedis();
  admin = new Redis(redis.url);
  admin.on('error', () => {});
  sender = openSender(redis.url);
});
beforeEach(async () => {
  await Promise.all(consumers.splice(0).map((consumer) => consumer.close(200)));
  await admin.flushall();
});
afterAll(async () => {
  await Promise.all(consumers.map((consumer) => consumer.close(200)));
  await sender.close();
  admin.disconnect();
  await redis.stop();
});

function collect(into: string[]): Consumer {
  const consumer = consume(redis.url, 'training', async ({ jobId }) => {
    into.push(jobId);
    return 'done';
  });
  consumers.push(consumer);
  return consumer;
}

it('rings once for a subject that waits, and again once it was taken', async () => {
  const seen: string[] = [];
  await sender.enqueue('training', { jobId: 'job_a' });
  await sender.enqueue('training', { jobId: 'job_a' });
  collect(seen);
  await expect.poll(() => seen).toEqual(['job_a']);
  await sleep(100);
  await sender.enqueue('training', { jobId: 'job_a' });
  await expect.poll(() => seen).toEqual(['job_a', 'job_a']);
});

it('hands out the higher priority first', async () => {
  const seen: string[] = [];
  await sender.enqueue('training', { jobId: 'job_low' }, { priority: -5 });
  await sender.enqueue('training', { jobId: 'job_usual' });
  await sender.enqueue('training', { jobId: 'job_high' }, { priority: 50 });
  collect(seen);
  await expect.poll(() => seen).toEqual(['job_high', 'job_usual', 'job_low']);
  expect(entryPriority(100)).toBe(1);
  expect(entryPriority(-100)).toBe(201);
});

it('refuses a payload that the catalogue does not know', async () => {
  await expect(
    sender.enqueue('training', { jobId: 1 } as unknown as { jobId: string }),
  ).rejects.toMatchObject({ code: 'invalid-request' });
});

it('puts an entry back that a full worker cannot take', async () => {
  const seen: string[] = [];
  let full = true;
  const consumer = consume(redis.url, 'training', async ({ jobId }) => {
    if (full) return 'later';
    seen.push(jobId);
    return 'done';
  });
  consumers.push(consumer);
  await sender.enqueue('training', { jobId: 'job_a' });
  await sleep(200);
  expect(seen).toEqual([]);
  full = false;
  await expect.poll(() => seen, { timeout: 5000 }).toEqual(['job_a']);
});

it.each([
  ['before it waits for an entry', 0],
  ['while it waits for one', 300],
])('takes nothing when paused %s', async (_when, waits) => {
  const seen: string[] = [];
  const consumer = collect(seen);
  await consumer.ready();
  await sleep(waits);
  consumer.pause();
  await sleep(50);
  await sender.enqueue('training', { jobId: 'job_a' });
  await sleep(300);
  expect(seen).toEqual([]);
  consumer.resume();
  await expect.poll(() => seen, { timeout: 8000 }).toEqual(['job_a']);
});

it('rings anew after all of Redis was lost, and after Redis was killed', async () => {
  const seen: string[] = [];
  collect(seen);
  await sender.enqueue('training', { jobId: 'job_a' });
  await expect.poll(() => seen).toEqual(['job_a']);
  await admin.flushall();
  await sender.enqueue('training', { jobId: 'job_a' });
  await expect.poll(() => seen).toEqual(['job_a', 'job_a']);
  const restarts = redis.process.restarts;
  redis.process.signal('SIGKILL');
  await expect.poll(() => redis.process.restarts, { timeout: 8000 }).toBe(restarts + 1);
  await redis.process.ready();
  await expect
    .poll(async () => sender.enqueue('training', { jobId: 'job_b' }).then(() => 'sent', String), {
      timeout: 8000,
    })
    .toBe('sent');
  await expect.poll(() => seen, { timeout: 10_000 }).toContain('job_b');
});

it('fails soon while Redis is away', async () => {
  const nobody = openSender('redis://127.0.0.1:1/0');
  const started = Date.now();
  await expect(nobody.enqueue('training', { jobId: 'job_a' })).rejects.toMatchObject({
    code: 'unavailable',
  });
  expect(Date.now() - started).toBeLessThan(5000);
  await nobody.close();
});
