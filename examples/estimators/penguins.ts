// Learns a penguin's species from its measures: node examples/estimators/penguins.ts
import { join } from 'node:path';
import { tabularClassifier } from '@vanda/estimators';

const table = join(import.meta.dirname, '../../node_modules/vega-datasets/data/penguins.json');
const model = await tabularClassifier({ target: 'Species' }).fit(table);
console.log('accuracy on the test rows:', model.metrics.test?.accuracy);
const penguin = {
  Island: 'Biscoe',
  'Beak Length (mm)': 50,
  'Beak Depth (mm)': 15,
  'Flipper Length (mm)': 220,
};
console.log(await model.predict([{ ...penguin, 'Body Mass (g)': 5200, Sex: 'MALE' }]));
model.close();
