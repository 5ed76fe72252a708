import { describe, expect, it } from 'vitest';
import { parsePicture } from './parse-picture.ts';

const refused = (instance: unknown) => {
  try {
    parsePicture(instance, 2);
    return 'accepted';
  } catch (error) {
    return (error as Error).message;
  }
};

describe('parsePicture', () => {
  it('reads grey and RGB rows of numbers', () => {
    expect(parsePicture([[0, 1.4, 255]], 0)).toEqual({
      data: Uint8Array.of(0, 1, 255),
      width: 3,
      height: 1,
      channels: 1,
    });
    const rgb = [[[1, 2, 3]], [[4, 5, 6]]];
    expect(parsePicture(rgb, 0)).toEqual({
      data: Uint8Array.of(1, 2, 3, 4, 5, 6),
      width: 1,
      height: 2,
      channels: 3,
    });
    expect(parsePicture([[[9]]], 0)).toMatchObject({ channels: 1, data: Uint8Array.of(9) });
  });

  it('reads base64, also as a data URL', () => {
    const b64 = Buffer.from([1, 2, 3]).toString('base64');
    expect([...(parsePicture({ b64 }, 0) as Uint8Array)]).toEqual([1, 2, 3]);
    const url = `data:image/png;base64,${b64}`;
    expect([...(parsePicture({ b64: url }, 0) as Uint8Array)]).toEqual([1, 2, 3]);
  });

  it('refuses everything else with a sentence that names the place', () => {
    for (const odd of [null, 5, 'abc', {}, { b65: 'x' }]) {
      expect(refused(odd)).toMatch(/^Instance 2 must be \{"b64"/);
    }
    expect(refused({ b64: 5 })).toMatch(/Instance 2 has a b64 that is not a text/);
    expect(refused({ b64: '' })).toMatch(/not base64/);
    expect(refused([])).toMatch(/must be rows x columns/);
    expect(refused([[]])).toMatch(/must be rows x columns/);
    expect(refused([1, 2])).toMatch(/must be rows x columns/);
    expect(refused([[1, 2], [1]])).toBe('Instance 2, row 1: must have 2 columns as row 0 has.');
    expect(refused([[1, 256]])).toBe(
      'Instance 2, row 0, column 1: must be a number from 0 to 255.',
    );
    expect(refused([[Number.NaN]])).toMatch(/from 0 to 255/);
    expect(refused([['7']])).toMatch(/from 0 to 255/);
    expect(refused([[[1, 2]]])).toMatch(/has 2 channels/);
    expect(
      refused([
        [
          [1, 2, 3],
          [1, 2],
        ],
      ]),
    ).toMatch(/column 1: must be 3 numbers/);
    expect(refused([new Array(9000).fill(0)])).toMatch(/more than 8192/);
  });
});
