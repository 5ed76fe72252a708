import { JsonField } from '../json-field.ts';
import type { LayerUse, Reference } from './model-config.ts';

const COUNT_MAX = 100_000;
const DEPTH_MAX = 4;

export function referenceOf(layer: string, field: JsonField): Reference {
  return { layer, call: 0, output: 0, field };
}

/** The results that a model takes or gives: [name, call, output], a list of such, or an object of them by name. */
export function referencesOf(field: JsonField, depth = 0): Reference[] {
  if (depth > DEPTH_MAX) field.fail('lists lie in lists too deep');
  const below = (item: JsonField) => referencesOf(item, depth + 1);
  if (!field.isList) return Object.keys(field.object()).flatMap((key) => below(field.get(key)));
  const items = field.list();
  return typeof items[0]?.value === 'string' ? [triple(field)] : items.flatMap(below);
}

/** Each application of a layer, as Keras 2 and TensorFlow.js write it (lists), or Keras 3 (arguments). */
export function callsOf(nodes: JsonField): LayerUse[] {
  if (nodes.absent) return [];
  return nodes.list().map((node) => (node.isList ? listed(node) : argued(node)));
}

/** [[name, call, output, options], ...] */
function listed(node: JsonField): LayerUse {
  const items = typeof node.list()[0]?.value === 'string' ? [node] : node.list();
  const options = items.map((item) => item.list()[3]).filter((item) => item && !item.absent);
  const merged = Object.assign({}, ...options.map((item) => (item as JsonField).object()));
  const field = new JsonField(node.format, `${node.path}[0][3]`, merged);
  return { inputs: items.map(triple), numbers: [], mask: maskOf(field), options: field };
}

/** { args: [...], kwargs: {...} }, where symbols are objects that say which result they stand for. */
function argued(node: JsonField): LayerUse {
  const kwargs = node.get('kwargs');
  const options = kwargs.absent ? new JsonField(node.format, kwargs.path, {}) : kwargs;
  const args = node.get('args').list();
  const numbers = args.filter((arg) => typeof arg.value === 'number');
  return {
    inputs: args.filter((arg) => !numbers.includes(arg)).flatMap((arg) => symbols(arg, 0)),
    numbers: numbers.map((arg) => arg.number()),
    mask: maskOf(options),
    options,
  };
}

/** Keras 3 says which result is the mask; one that Keras 2 gives by hand is a list. */
function maskOf(options: JsonField): Reference | undefined {
  const mask = options.get('mask');
  if (mask.absent) return undefined;
  const [only, ...more] = mask.isList ? [] : symbols(mask, 0);
  return only && more.length === 0 ? only : mask.fail('must be one result of a layer');
}

function symbols(field: JsonField, depth: number): Reference[] {
  if (depth > DEPTH_MAX) field.fail('lists lie in lists too deep');
  if (field.isList) return field.list().flatMap((item) => symbols(item, depth + 1));
  const kind = field.get('class_name').choice(['__keras_tensor__', '__tuple__']);
  if (kind === '__tuple__') return symbols(field.get('items'), depth + 1);
  return [triple(field.get('config').get('keras_history'))];
}

function triple(field: JsonField): Reference {
  const [name, call, output] = field.list();
  if (!name || !call || !output)
    field.fail('must be a name, the number of a call and that of an output');
  return {
    layer: (name as JsonField).text(),
    call: (call as JsonField).whole(0, undefined, COUNT_MAX),
    output: (output as JsonField).whole(0, undefined, COUNT_MAX),
    field,
  };
}
