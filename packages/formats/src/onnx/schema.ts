import protobuf from 'protobufjs';

type Field = readonly [number: number, type: string, repeated?: 'repeated'];

/**
 * The messages of onnx.proto3 with the fields that are read or written here. Bulk numbers are declared as bytes: a packed
 * list is the same on the wire, and stays one view of the file instead of a list of objects. Subgraphs are left out, so
 * that no message holds itself and nothing nests without end.
 */
const messages: Record<string, Record<string, Field>> = {
  Model: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    docString: [6, 'string'],
    graph: [7, 'Graph'],
    opsetImport: [8, 'OperatorSet', 'repeated'],
    metadataProps: [14, 'Entry', 'repeated'],
  },
  OperatorSet: { domain: [1, 'string'], version: [2, 'int64'] },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
  Graph: {
    node: [1, 'Node', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'Tensor', 'repeated'],
    input: [11, 'ValueInfo', 'repeated'],
    output: [12, 'ValueInfo', 'repeated'],
    sparseInitializer: [15, 'bytes', 'repeated'],
  },
  Node: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'Attribute', 'repeated'],
    domain: [7, 'string'],
  },
  Attribute: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'Tensor'],
    floats: [7, 'float', 'repeated'],
    ints: [8, 'int64', 'repeated'],
    strings: [9, 'bytes', 'repeated'],
    type: [20, 'int32'],
  },
  Tensor: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    floatData: [4, 'bytes', 'repeated'],
    int32Data: [5, 'bytes', 'repeated'],
    int64Data: [7, 'bytes', 'repeated'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    doubleData: [10, 'bytes', 'repeated'],
    uint64Data: [11, 'bytes', 'repeated'],
    externalData: [13, 'Entry', 'repeated'],
    dataLocation: [14, 'int32'],
  },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'] },
  Type: { tensorType: [1, 'TensorType'] },
  TensorType: { elemType: [1, 'int32'], shape: [2, 'TensorShape'] },
  TensorShape: { dim: [1, 'Dimension', 'repeated'] },
  Dimension: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
};

const packed = new Set(['int64', 'float']);

function describe(fields: Record<string, Field>) {
  return Object.fromEntries(
    Object.entries(fields).map(([name, [id, type, repeated]]) => [
      name,
      {
        id,
        type,
        ...(repeated ? { rule: 'repeated', options: { packed: packed.has(type) } } : {}),
      },
    ]),
  );
}

const root = protobuf.Root.fromJSON({
  nested: Object.fromEntries(
    Object.entries(messages).map(([name, fields]) => [name, { fields: describe(fields) }]),
  ),
});

export const modelType = root.lookupType('Model');
