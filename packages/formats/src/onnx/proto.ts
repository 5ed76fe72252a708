/** A number of 64 bits as protobufjs gives it. */
export type Int64 = number | { toNumber(): number };

export interface EntryProto {
  key: string;
  value: string;
}
export interface TensorProto {
  dims: Int64[];
  dataType: number;
  floatData: Uint8Array[];
  int32Data: Uint8Array[];
  int64Data: Uint8Array[];
  name: string;
  rawData: Uint8Array;
  doubleData: Uint8Array[];
  uint64Data: Uint8Array[];
  externalData: EntryProto[];
  dataLocation: number;
}
export interface AttributeProto {
  name: string;
  type: number;
  f: number;
  i: Int64;
  s: Uint8Array;
  t: TensorProto | null;
  floats: number[];
  ints: Int64[];
  strings: Uint8Array[];
}
export interface NodeProto {
  input: string[];
  output: string[];
  name: string;
  opType: string;
  domain: string;
  attribute: AttributeProto[];
}
export interface ValueInfoProto {
  name: string;
  type: {
    tensorType: {
      elemType: number;
      shape: { dim: { dimValue: Int64; dimParam: string }[] } | null;
    } | null;
  } | null;
}
export interface GraphProto {
  node: NodeProto[];
  name: string;
  initializer: TensorProto[];
  input: ValueInfoProto[];
  output: ValueInfoProto[];
  sparseInitializer: Uint8Array[];
}
export interface ModelProto {
  irVersion: Int64;
  producerName: string;
  producerVersion: string;
  graph: GraphProto | null;
  opsetImport: { domain: string; version: Int64 }[];
  metadataProps: EntryProto[];
}

/** What is written: fields that are left out keep their defaults. */
export type Writable<T> = T extends Uint8Array | Int64 | string
  ? T
  : T extends readonly (infer E)[]
    ? Writable<E>[]
    : T extends object
      ? { [K in keyof T]?: Writable<T[K]> }
      : T;

export const dataTypes = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  bfloat16: 16,
} as const;

export const attributeTypes = { f: 1, i: 2, s: 3, t: 4, floats: 6, ints: 7, strings: 8 } as const;
