// Learns how far a car goes on a gallon: node examples/estimators/cars.ts
import { join } from 'node:path';
import { tabularRegressor } from '@vanda/estimators';

const table = join(import.meta.dirname, '../../node_modules/vega-datasets/data/cars.json');
const model = await tabularRegressor({ target: 'Miles_per_Gallon' }).fit(table);
console.log('R2 on the test rows:', model.metrics.test?.r2, model.warnings);
const example = model.signature.input.kind === 'row' ? model.signature.input.fields : [];
console.log(await model.predict([Object.fromEntries(example.map((f) => [f.name, f.example]))]));
model.close();
