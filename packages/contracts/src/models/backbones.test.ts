import { expect, it } from 'vitest';
import { backbones, namedBackbone } from './backbones.ts';

it('finds a backbone by its name, however dashes and capitals are written', () => {
  const found = (name: string) => namedBackbone(backbones, name)?.name;
  for (const name of ['mobilenet_v2', 'mobilenet-v2', 'MobileNetV2']) {
    expect(found(name)).toBe('mobilenet_v2');
  }
  expect(found('mobilenet-v2-mid')).toBe('mobilenet_v2_mid');
  expect(['mobilenet', 'mobilenet v2', '', '-'].map(found)).toEqual(Array(4).fill(undefined));
});

it('guesses nothing where two names are alike', () => {
  const shelf = [{ name: 'net_12' }, { name: 'net_1_2' }];
  expect(namedBackbone(shelf, 'net-12')).toBeUndefined();
  expect(namedBackbone(shelf, 'net_1_2')).toBe(shelf[1]);
});
