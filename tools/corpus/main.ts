import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { argv, exit, stdout } from 'node:process';
import { checkNetwork } from './check-network.ts';

/**
 * Checks networks that other tools made: `node tools/corpus/main.ts FOLDER [NAME...]`; onnx_networks.py,
 * keras_networks.py and tfjs-networks.ts write them. Each must give what its maker gives, in the engine, in ONNX Runtime
 * after our export, and after another import; where layers can say it, in TensorFlow.js as well.
 */
const [folder = '.', ...only] = argv.slice(2);
const names = readdirSync(folder)
  .filter((file) => file.endsWith('.safetensors'))
  .map((file) => file.slice(0, -'.safetensors'.length))
  .filter((name) => only.length === 0 || only.includes(name));
let failed = 0;
for (const name of names) {
  const { line, right } = await checkNetwork(join(folder, name));
  stdout.write(`${right ? 'ok  ' : 'FAIL'} ${name.padEnd(24)} ${line}\n`);
  if (!right) failed += 1;
}
stdout.write(`${names.length - failed} of ${names.length} networks are right\n`);
exit(failed === 0 && names.length > 0 ? 0 : 1);
