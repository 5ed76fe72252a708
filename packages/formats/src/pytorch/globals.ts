import type { ByteCursor } from './byte-cursor.ts';

/** A stretch of numbers of one type, shared by the tensors that show parts of it. */
export interface Storage {
  readonly type: StorageType;
  /** How it is found in the file. */
  readonly key: string;
  readonly elements: number;
}

/** A view of a storage, as torch describes it; nothing of it is checked yet. */
export class StoredTensor {
  readonly storage: Storage;
  readonly offset: unknown;
  readonly size: unknown;
  readonly stride: unknown;

  constructor(storage: Storage, offset: unknown, size: unknown, stride: unknown) {
    this.storage = storage;
    this.offset = offset;
    this.size = size;
    this.stride = stride;
  }
}

/** What a pickle may call. */
export interface Callable {
  readonly name: string;
  call(given: readonly unknown[], cursor: ByteCursor): unknown;
}

const STORAGE_TYPES = [
  'Float',
  'Double',
  'Half',
  'BFloat16',
  'Long',
  'Int',
  'Short',
  'Char',
  'Byte',
  'Bool',
] as const;
export type StorageType = (typeof STORAGE_TYPES)[number];

/** torch.FloatStorage and its like: never called, only named by storages. */
export class StorageClass implements Callable {
  readonly name: string;
  readonly type: StorageType;

  constructor(type: StorageType) {
    this.name = `torch.${type}Storage`;
    this.type = type;
  }

  call(_: readonly unknown[], cursor: ByteCursor): never {
    return cursor.fail(`the pickle calls ${this.name}`);
  }
}

const functions: Readonly<Record<string, Callable['call']>> = {
  'collections.OrderedDict': (given, cursor) => {
    const pairs = given[0] ?? [];
    const valid =
      Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.length === 2);
    if (!valid || given.length > 1) cursor.fail('an OrderedDict is made of pairs');
    cursor.charge((pairs as unknown[]).length);
    return new Map(pairs as [unknown, unknown][]);
  },
  'torch._utils._rebuild_tensor': (given, cursor) => tensorOf(given, cursor),
  'torch._utils._rebuild_tensor_v2': (given, cursor) => tensorOf(given, cursor),
  'torch._utils._rebuild_parameter': ([data], cursor) =>
    data instanceof StoredTensor ? data : cursor.fail('a parameter is made of a tensor'),
};

const known: ReadonlyMap<string, Callable> = new Map(
  [
    ...Object.entries(functions).map(([name, call]): Callable => ({ name, call })),
    ...STORAGE_TYPES.map((type) => new StorageClass(type)),
  ].map((one) => [one.name, one]),
);

/** The closed list: whatever else a pickle names is refused by that name, before anything of it could be used. */
export function callable(name: string, cursor: ByteCursor): Callable {
  const found = known.get(name);
  if (found) return found;
  return cursor.fail(
    `the pickle names ${name.slice(0, 200)}; a state dict needs ${[...known.keys()].join(', ')} and nothing else`,
  );
}

function tensorOf(given: readonly unknown[], cursor: ByteCursor): StoredTensor {
  const [storage, offset, size, stride] = given;
  if (typeof storage !== 'object' || storage === null || !('elements' in storage))
    return cursor.fail('a tensor is made of what is no storage');
  return new StoredTensor(storage as Storage, offset, size, stride);
}
