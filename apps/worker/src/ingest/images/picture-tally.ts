import type { DatasetPreview, ImagesProfile, StoredFile } from '@vanda/contracts';
import { thumbnailOf } from '@vanda/estimators/pictures';
import type { Split } from '../table/split-column.ts';

const sizesMax = 20;
const thumbnailsMax = 64;

export type TalliedPicture = {
  label: string;
  split: Split | undefined;
  name: string;
  width: number;
  height: number;
  channels: 1 | 3;
};

type Pictures = Extract<DatasetPreview, { kind: 'images' }>['pictures'];

/** Counts accepted pictures as they pass, and keeps thumbnails of some, spread over the labels. */
export class PictureTally {
  readonly #labels = new Map<string, number>();
  readonly #sizes = new Map<string, number>();
  readonly #splits = { train: 0, validation: 0, test: 0 };
  readonly #perLabel: number;
  readonly #pictures: Pictures = [];
  #coloured = false;
  #items = 0;

  constructor(labelsExpected: number) {
    this.#perLabel = Math.max(1, Math.floor(thumbnailsMax / Math.max(1, labelsExpected)));
  }

  get labels(): number {
    return this.#labels.size;
  }

  async add(picture: TalliedPicture, pixels: Parameters<typeof thumbnailOf>[0]): Promise<void> {
    const { label, split, name, width, height } = picture;
    const seen = this.#labels.get(label) ?? 0;
    this.#labels.set(label, seen + 1);
    const size = `${width}x${height}`;
    this.#sizes.set(size, (this.#sizes.get(size) ?? 0) + 1);
    if (split !== undefined) this.#splits[split] += 1;
    if (picture.channels === 3) this.#coloured = true;
    this.#items += 1;
    if (seen >= this.#perLabel || this.#pictures.length >= thumbnailsMax) return;
    this.#pictures.push({ label, name, width, height, thumbnail: await thumbnailOf(pixels) });
  }

  preview(): DatasetPreview & { kind: 'images' } {
    return { kind: 'images', pictures: this.#pictures };
  }

  profile(files: StoredFile[], preview: StoredFile): ImagesProfile {
    const labels = [...this.#labels].map(([label, count]) => ({ label, count }));
    labels.sort((a, b) => compareLabels(a.label, b.label));
    const sizes = [...this.#sizes]
      .sort((a, b) => b[1] - a[1])
      .slice(0, sizesMax)
      .map(([size, count]) => {
        const [width = 0, height = 0] = size.split('x').map(Number);
        return { width, height, count };
      });
    return {
      kind: 'images',
      items: this.#items,
      splits: this.#splits,
      labels,
      sizes,
      channels: this.#coloured ? 3 : 1,
      files,
      preview,
    };
  }
}

/** Digits by value, the rest by code unit. */
function compareLabels(a: string, b: string): number {
  const numeric = /^\d{1,15}$/;
  if (numeric.test(a) && numeric.test(b)) return Number(a) - Number(b);
  return a < b ? -1 : a > b ? 1 : 0;
}
