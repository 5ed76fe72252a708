import { expect, it } from 'vitest';
import { readConfig } from './config.ts';

const env = {
  VANDA_HOME: '/var/lib/vanda',
  VANDA_DATABASE_URL: 'postgresql://localhost/vanda',
  VANDA_REDIS_URL: 'redis://localhost',
  VANDA_OBJECTS: 'disk:/var/lib/vanda/objects',
  VANDA_SECRET: 's'.repeat(32),
  PATH: '/bin',
};

it('reads options and settings, and keeps secrets from the training processes', () => {
  const config = readConfig(['--roles', 'train', '--slots', '2', '--labels', 'zone=a,gpu='], env);
  expect(config).toMatchObject({ roles: ['train'], slots: 2, labels: { zone: 'a', gpu: '' } });
  expect(config.childEnvironment).toEqual({ PATH: '/bin' });
});

it('names everything that is not right in a sentence', () => {
  expect(() => readConfig([], { ...env, VANDA_SECRET: 'short', VANDA_REDIS_URL: 'x' })).toThrow(
    'A setting is not right. VANDA_REDIS_URL: must be a redis:// URL; VANDA_SECRET: must have at least 32 characters.',
  );
  expect(() => readConfig(['--roles', 'cook'], env)).toThrow('roles are train, ingest, serve');
});
