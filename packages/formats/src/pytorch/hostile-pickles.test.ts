import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { readStateDict } from './state-dict.ts';

const folder = await mkdtemp(join(tmpdir(), 'vanda-pickle-'));
afterAll(() => rm(folder, { recursive: true }));

async function read(bytes: Buffer) {
  const file = join(folder, 'given.pt');
  await writeFile(file, bytes);
  return await readStateDict(file);
}

const latin = (text: string) => Buffer.from(text, 'latin1');
const u32 = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes.toString('latin1');
};
const text = (value: string) => `X${u32(value.length)}${value}`;
const whole = (value: number) => `J${u32(value >>> 0)}`;
const dict = (...items: string[]) => `}(${items.join('')}u`;

const MAGIC = '\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.';
const PROTOCOL = '\x80\x02M\xe9\x03.';
const SYSTEM = `\x80\x02${dict(text('little_endian'), '\x88')}.`;

/** The stream of torch before 1.6 around a pickle, and a storage '0' of so many f32. */
function legacy(pickle: string, stored = 4, announced = stored): Buffer {
  const needed = pickle.includes('FloatStorage\n');
  const keys = `\x80\x02](${needed ? text('0') : ''}e.`;
  const storage = `${u32(announced)}${u32(0)}${'\0\0\x80?'.repeat(stored)}`;
  return latin(`${MAGIC}${PROTOCOL}${SYSTEM}\x80\x02${pickle}.${keys}${storage}`);
}

interface View {
  offset?: string;
  size?: string;
  stride?: string;
  elements?: string;
  type?: string;
}

/** A call of _rebuild_tensor_v2 on a view of the storage '0'. */
function tensorOf({
  offset = whole(0),
  size = whole(4),
  stride = whole(1),
  elements = whole(4),
  type = 'FloatStorage',
}: View = {}) {
  const id = `(${text('storage')}ctorch\n${type}\n${text('0')}${text('cpu')}${elements}NtQ`;
  return `ctorch._utils\n_rebuild_tensor_v2\n(${id}${offset}(${size}t(${stride}t\x89}tR`;
}

test('the stream that the others spoil is taken', async () => {
  const tensors = await read(legacy(dict(text('w'), tensorOf())));
  expect([...(tensors.w?.data ?? [])]).toEqual([1, 1, 1, 1]);
});

const marker = join(folder, 'ran');
const shell = (module: string, name: string) =>
  `c${module}\n${name}\n${text(`touch ${marker}`)}\x85R`;

/** A tuple of a tuple twice, which is of a tuple twice, and so on. */
const doubled = (levels: number) => `)${'q\x01h\x01\x86'.repeat(levels)}`;

const pickles: [string, string, RegExp][] = [
  ['posix.system', shell('posix', 'system'), /posix\.system/],
  ['builtins.eval', shell('builtins', 'eval'), /builtins\.eval/],
  ['subprocess.Popen', shell('subprocess', 'Popen'), /subprocess\.Popen/],
  ['a global by the stack', `${text('os')}${text('system')}\x93`, /os\.system/],
  [
    'a name with a way round',
    'ctorch._utils\n_rebuild_tensor_v2.__globals__\n',
    /_rebuild_tensor_v2\.__globals__/,
  ],
  ['a whole module', 'ctorch.nn.modules.linear\nLinear\n', /torch\.nn\.modules\.linear\.Linear/],
  ['the constructor of objects', 'cconstructor\nconstructor\n', /constructor\.constructor/],
  ['an object', `ccollections\nOrderedDict\n)\x81`, /opcode NEWOBJ/],
  ['an instance of old', '(icollections\nOrderedDict\n', /opcode INST/],
  ['an opcode that nobody knows', '\xff', /opcode 0xff/],
  ['an extension', '\x82\x01', /opcode EXT1/],
  ['a call of a storage class', 'ctorch\nFloatStorage\n)R', /calls torch\.FloatStorage/],
  ['a call of a text', `${text('x')})R`, /cannot be called/],
  ['a text that does not end', `X${u32(2 ** 27)}abc`, /134217728 bytes are announced/],
  ['a text of 2 GiB', `X${u32(2 ** 31)}abc`, /a text has 2147483648 bytes/],
  ['a text of 2^60 bytes', `\x8d${u32(0)}${u32(2 ** 28)}`, /no size/],
  ['a mark that is missing', 't', /no mark/],
  ['a value that is missing', '\x85', /not there/],
  ['a memory of nothing', 'h\x07', /remembers no value 7/],
  ['two values', 'NN', /more than one value/],
  ['no dict', 'N', /no dict of tensors/],
  ['a dict that holds itself', `}q\0(${text('a')}h\0u`, /over 32 dicts deep/],
  ['a dict that holds itself twice', `}q\0(${text('a')}h\0${text('b')}h\0u`, /deep|th value/],
  [
    'an offset past the end',
    dict(text('w'), tensorOf({ offset: whole(1) })),
    /w: reaches element 4 of a storage of 4/,
  ],
  [
    'a stride past the end',
    dict(text('w'), tensorOf({ size: whole(2), stride: whole(9) })),
    /w: reaches element 9/,
  ],
  ['a negative offset', dict(text('w'), tensorOf({ offset: whole(-1) })), /w: its offset has -1/],
  ['a negative size', dict(text('w'), tensorOf({ size: whole(-4) })), /w: its size has -4/],
  ['a negative stride', dict(text('w'), tensorOf({ stride: whole(-1) })), /w: its stride has -1/],
  [
    '2^40 elements of one',
    dict(text('w'), tensorOf({ size: whole(2 ** 20).repeat(2), stride: whole(0).repeat(2) })),
    /more elements than its storage/,
  ],
  [
    'sizes that overflow',
    dict(text('w'), tensorOf({ size: whole(2 ** 30).repeat(3), stride: whole(1).repeat(3) })),
    /more elements than its storage/,
  ],
  ['sizes without strides', dict(text('w'), tensorOf({ stride: '' })), /1 sizes and 0 strides/],
  ['a text as a size', dict(text('w'), tensorOf({ size: text('4') })), /its size has 4/],
  [
    'a storage of another length',
    dict(text('w'), tensorOf({ elements: whole(3), size: whole(3) })),
    /has 4 elements, not 3/,
  ],
  [
    'a storage of numbers that nobody knows',
    dict(text('w'), tensorOf({ type: 'ComplexFloatStorage' })),
    /torch\.ComplexFloatStorage/,
  ],
  ['a tensor of no storage', `ctorch._utils\n_rebuild_tensor_v2\n(NK\0)))tR`, /no storage/],
  ['a global named by 2^200 tuples', `${doubled(200)}${text('a')}\x93`, /names \(\.\.\.\)/],
  ['2^200 tuples as a size', dict(text('w'), tensorOf({ size: doubled(200) })), /its size has/],
  [
    'tuples over 50000 deep as an offset',
    dict(text('w'), tensorOf({ offset: `)${'\x85'.repeat(50_000)}` })),
    /its offset has \(\.\.\.\)/,
  ],
  [
    'one list as many dicts',
    `ccollections\nOrderedDict\nq\0](${'NN\x86'.repeat(900)}e\x85q\x01(${'h\0h\x01R'.repeat(900)}e`,
    /copies one list many times/,
  ],
  ['a persistent id of a module', `(${text('module')}NNNtQ`, /no storage/],
];

test.each(pickles)('%s is refused by its name, and nothing runs', async (_, pickle, sentence) => {
  const taken = read(legacy(pickle));
  await expect(taken).rejects.toThrow(sentence);
  await expect(taken).rejects.toBeInstanceOf(FormatError);
  expect(existsSync(marker)).toBe(false);
});

test('the key of a dict may be 2^200 tuples: its tensor has the first few of them as its name', async () => {
  const [name] = Object.keys(await read(legacy(dict(doubled(200), tensorOf()))));
  expect(name).toMatch(/^[(.),]+$/);
});

test('a storage may not announce more than the file has', async () => {
  const pickle = dict(text('w'), tensorOf({ elements: whole(2 ** 30), size: whole(4) }));
  await expect(read(legacy(pickle, 4, 2 ** 30))).rejects.toThrow(
    /4294967296 bytes are announced, 16 are left/,
  );
});

test('views of one storage do not unfold to more than the file', async () => {
  const views = Array.from(
    { length: 200 },
    (_, i) =>
      text(`w${i}`) + tensorOf({ offset: whole(i), size: whole(3000), elements: whole(4000) }),
  );
  await expect(read(legacy(dict(...views), 4000))).rejects.toThrow(
    /show more elements than the file has bytes/,
  );
});

test('each truncation and each changed byte of a file is an answer or a FormatError', async () => {
  const whole = legacy(dict(text('w'), tensorOf()));
  let seed = 7;
  for (let i = 0; i < whole.length; i += 1) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const changed = Buffer.from(whole);
    changed[i] = seed >> 16;
    for (const bytes of [whole.subarray(0, i), changed])
      await read(bytes).catch((error) =>
        expect(error, `byte ${i}, seed 7`).toBeInstanceOf(FormatError),
      );
  }
});

const golden = fileURLToPath(new URL('../../goldens/pytorch/tensors.pt', import.meta.url));

test('an archive with compressed entries is refused: none unpacks to more than it is', async () => {
  const bytes = await readFile(golden);
  const central = bytes.indexOf('PK\x01\x02', 0, 'latin1');
  bytes.writeUInt16LE(8, central + 10);
  await expect(read(bytes)).rejects.toThrow(/is compressed|is broken/);
});

test('each truncation of an archive, and changed bytes, are an answer or a FormatError', async () => {
  const bytes = await readFile(golden);
  let seed = 11;
  for (let i = 0; i < 200; i += 1) {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    const changed = Buffer.from(bytes);
    changed[seed % bytes.length] = seed >> 16;
    for (const given of [bytes.subarray(0, seed % bytes.length), changed])
      await read(given).catch((error) =>
        expect(error, `round ${i}, seed 11`).toBeInstanceOf(FormatError),
      );
  }
});
