import { expect, test } from 'vitest';
import { FormatError } from '../format-error.ts';
import { importOnnx } from './import-onnx.ts';
import { dataTypes } from './proto.ts';
import { floats, int64s, ints, node, tinyModel } from './tiny-model.fixture.ts';

/** The file is refused; the error says where, and why. */
async function refused(bytes: Uint8Array, field: RegExp, why: RegExp): Promise<void> {
  const error: unknown = await importOnnx(bytes).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(FormatError);
  expect((error as FormatError).field).toMatch(field);
  expect((error as FormatError).message).toMatch(why);
}

test('the model that the others are made of is a good one', async () => {
  const { outputs } = await importOnnx(tinyModel());
  expect(outputs.y?.shape).toEqual([null, 4]);
});

test('names that objects have from birth are names as any other', async () => {
  const tensorType = { elemType: dataTypes.float, shape: { dim: [{ dimParam: 'constructor' }] } };
  const inputs = [{ name: '__proto__', type: { tensorType } }];
  const network = await importOnnx(
    tinyModel({ inputs, nodes: [node('Relu', ['__proto__'], ['y'])] }),
  );
  expect(Object.keys(network.inputs)).toEqual(['__proto__']);
  expect(network.outputs.y?.shape).toEqual([null]);
});

test('what is no protobuf message, or stops in the middle', async () => {
  await refused(new TextEncoder().encode('this is no model'), /./, /./);
  await refused(tinyModel().slice(0, -9), /./, /./);
  await refused(new Uint8Array(), /graph/, /none/);
  await refused(Uint8Array.of(0x3a, 0xff, 0xff, 0xff, 0xff, 0x0f), /graph/, /beyond the end/);
});

test('a small file that asks for much memory: millions of empty nodes and numbers', async () => {
  const nodes = new Uint8Array(6_000_000);
  for (let i = 0; i < nodes.length; i += 2) nodes[i] = 0x0a;
  const header = [0x3a, 0x80, 0x9b, 0xee, 0x02];
  await refused(Uint8Array.of(...header, ...[]), /graph/, /beyond the end/);
  const whole = new Uint8Array(header.length + nodes.length);
  whole.set(header);
  whole.set(nodes, header.length);
  await refused(whole, /model/, /fields/);
});

test('weights whose shape asks for more than is there', async () => {
  const scale = (tensor: object) =>
    tinyModel({
      nodes: [node('Mul', ['x', 'w'], ['y'])],
      initializers: [{ ...floats('w', [4], [1, 2, 3, 4]), ...tensor }],
    });
  await refused(scale({ dims: [2 ** 20, 2 ** 20] }), /initializer 'w'\.dims/, /too many elements/);
  await refused(
    scale({ dims: [2 ** 30] }),
    /initializer 'w'\.raw_data/,
    /needs 4294967296 bytes, and there are 16/,
  );
  await refused(scale({ dims: [-1] }), /initializer 'w'\.dims/, /the dim -1/);
  await refused(scale({ dims: [2 ** 62, 4] }), /initializer 'w'\.dims/, /the dim/);
  await refused(scale({ dims: new Array(9).fill(1) }), /initializer 'w'\.dims/, /9 dims/);
  await refused(scale({ dims: [4], rawData: new Uint8Array(15) }), /raw_data/, /needs 16 bytes/);
  await refused(scale({ dataType: dataTypes.string }), /data_type/, /string is not supported/);
  await refused(scale({ dataType: 99 }), /data_type/, /99 is not supported/);
  const none = { rawData: new Uint8Array(), int64Data: [Uint8Array.of(0x80)], dims: [1] };
  await refused(scale({ ...none, dataType: dataTypes.int64 }), /int64_data/, /middle of element 0/);
  const short = { rawData: new Uint8Array(), floatData: [new Uint8Array(4)], dims: [4] };
  await refused(scale(short), /float_data/, /holds 1 elements where the shape asks for 4/);
  await refused(scale({ ...short, floatData: [] }), /float_data/, /holds 0 elements/);
});

test('inputs of an impossible shape', async () => {
  await refused(tinyModel({ shape: [-3, 4] }), /input 'x'/, /the dim -3/);
  await refused(tinyModel({ shape: [2 ** 20, 2 ** 20] }), /input 'x'/, /too many elements/);
  await refused(tinyModel({ shape: ['batch', 'words'] }), /input 'x'/, /dim 1 is open \('words'\)/);
  await refused(tinyModel({ inputs: [{ name: 'x' }] }), /input 'x'/, /no tensor/);
});

test('graphs that go in a circle, read what is not there, or make a value twice', async () => {
  const circle = [
    node('Add', ['x', 'b'], ['a']),
    node('Relu', ['a'], ['b']),
    node('Relu', ['b'], ['y']),
  ];
  await refused(
    tinyModel({ nodes: circle }),
    /Add_of_test/,
    /reads 'b', which is made by this node or a later one/,
  );
  await refused(tinyModel({ nodes: [node('Relu', ['y'], ['y'])] }), /Relu_of_test/, /cycle/);
  await refused(tinyModel({ nodes: [node('Relu', ['z'], ['y'])] }), /Relu_of_test/, /made nowhere/);
  const twice = [node('Relu', ['x'], ['y']), node('Tanh', ['x'], ['y'])];
  await refused(tinyModel({ nodes: twice }), /Tanh_of_test/, /makes 'y', which is there already/);
  await refused(tinyModel({ nodes: [node('Relu', ['x'], ['z'])] }), /output 'y'/, /made nowhere/);
  await refused(
    tinyModel({ nodes: [node('Relu', [], ['y'])] }),
    /Relu_of_test/,
    /input 0 is missing/,
  );
});

test('operators, domains and attributes that are not on the list', async () => {
  const of = (...given: Parameters<typeof node>) => tinyModel({ nodes: [node(...given)] });
  await refused(of('PythonOp', ['x'], ['y']), /PythonOp/, /operator PythonOp is not supported/);
  await refused(of('constructor', ['x'], ['y']), /constructor/, /is not supported/);
  await refused(of('__proto__', ['x'], ['y']), /__proto__/, /is not supported/);
  await refused(of('If', ['x'], ['y']), /If/, /is not supported/);
  const foreign = { ...node('Relu', ['x'], ['y']), domain: 'com.example' };
  await refused(tinyModel({ nodes: [foreign] }), /Relu/, /domain 'com.example'/);
  await refused(of('Relu', ['x'], ['y'], [ints('slope', 1)]), /slope/, /no such attribute/);
  await refused(of('Softmax', ['x'], ['y'], [ints('axis', 1)]), /axis/, /attribute type 7 where i/);
  await refused(tinyModel({ opset: 22 }), /opset_import/, /opset is 22; 11 to 21/);
  await refused(tinyModel({ opset: 9 }), /opset_import/, /opset is 9/);
  await refused(tinyModel({ domain: 'com.example' }), /opset_import/, /only 'com.example'/);
});

test('attributes and shapes out of all bounds', async () => {
  const shaped = (op: string, numbers: number[], attributes = [] as ReturnType<typeof ints>[]) =>
    tinyModel({
      nodes: [node(op, ['x', 's'], ['y'], attributes)],
      initializers: [int64s('s', [numbers.length], numbers)],
    });
  await refused(shaped('Reshape', [-2, 4]), /Reshape.*shape/, /does not fit/);
  await refused(shaped('Reshape', [-1, -1]), /Reshape.*shape/, /does not fit/);
  await refused(shaped('Reshape', [3, 5]), /Reshape.*shape/, /does not fit/);
  await refused(shaped('Reshape', [0, 0, 0]), /Reshape.*shape/, /does not fit/);
  await refused(shaped('Expand', [2 ** 40, 1, 1]), /Expand/, /too many elements/);
  await refused(shaped('Tile', [1, 2 ** 40]), /Tile/, /too many elements/);
  await refused(shaped('Unsqueeze', [9]), /Unsqueeze/, /no axis 9/);
  await refused(shaped('Pad', [2 ** 40, 0, 0, 0]), /Pad/, /./);
  const picture = (attributes: ReturnType<typeof ints>[]) =>
    tinyModel({
      shape: ['batch', 1, 4, 4],
      nodes: [node('Conv', ['x', 'w'], ['y'], attributes)],
      initializers: [floats('w', [1, 1, 1, 1], [1])],
    });
  await refused(picture([ints('strides', 0, 1)]), /Conv.*strides/, /at least 1/);
  await refused(picture([ints('pads', -1, 0, 0, 0)]), /Conv.*pads/, /at least 0/);
  await refused(picture([ints('pads', 2 ** 40, 0, 0, 0)]), /Conv.*pads/, /at least 0/);
  await refused(
    picture([ints('kernel_shape', 3, 3)]),
    /Conv.*kernel_shape/,
    /the kernel is \[1, 1\]/,
  );
});

test('many nodes that are small by themselves', async () => {
  const nodes = Array.from({ length: 300 }, (_, i) => node('ConstantOfShape', ['s'], [`z${i}`]));
  const initializers = [int64s('s', [1], [2 ** 17])];
  const bytes = tinyModel({ nodes: [...nodes, node('Relu', ['x'], ['y'])], initializers });
  await refused(bytes, /graph/, /too many numbers/);
});

test('shape arithmetic that would fill the memory', async () => {
  const made = (...nodes: ReturnType<typeof node>[]) =>
    tinyModel({
      nodes: [...nodes, node('Add', ['x', 'z'], ['y'])],
      initializers: [
        int64s('s', [1], [2 ** 40]),
        int64s('zero', [], [0]),
        int64s('one', [], [1]),
        int64s('far', [], [2 ** 40]),
      ],
    });
  await refused(made(node('ConstantOfShape', ['s'], ['z'])), /ConstantOfShape/, /too many/);
  await refused(made(node('Range', ['zero', 'far', 'one'], ['z'])), /Range/, /too many numbers/);
  await refused(made(node('Expand', ['one', 's'], ['z'])), /Expand/, /too large/);
  await refused(made(node('Range', ['zero', 'far', 'zero'], ['z'])), /Range/, /too many numbers/);
});
