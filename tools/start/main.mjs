// `npm start`: the part that runs before anything is installed. Built-ins only, Node >= 20.19.
import { join } from 'node:path';
import { checkNodeVersion, goOnUnderPinnedNode, runsPinnedNode } from '../setup/node-version.mjs';
import { ensureNpmPackages, root } from '../setup/npm-packages.mjs';
import { ensureSystemPackages, needsOfStart } from '../setup/system-packages.mjs';

const help = `npm start [-- --no-demo]

Installs what is missing, builds, and runs Vanda on this machine until Ctrl-C.
  --no-demo   without the first job (MNIST digits), which runs once for a new state folder

Settings, as environment variables:
  VANDA_HOME             state folder (default: .vanda in the checkout)
  VANDA_HOST             address to listen on (default: 127.0.0.1)
  VANDA_PORT             API and dashboard (default: 3000)
  VANDA_INFERENCE_PORT   inference server (default: 8501)
  VANDA_PUBLIC_URL       how others reach the API (default: from host and port)
  VANDA_INFERENCE_URL    how others reach the inference server
  VANDA_OBJECTS          where bytes are kept: disk:/folder or s3://bucket?endpoint=...&region=...
  VANDA_LOG              debug, info, warn or error (default: info)
`;

try {
  const args = process.argv.slice(2);
  if (args.includes('--help') || args.includes('-h')) {
    process.stdout.write(help);
  } else {
    const unknown = args.filter((arg) => arg !== '--no-demo');
    if (unknown.length > 0) throw new Error(`Unknown option ${unknown.join(' ')}.\n\n${help}`);
    checkNodeVersion();
    await ensureSystemPackages(needsOfStart, 'npm start');
    await ensureNpmPackages();
    const script = join(root, 'tools/start/run.ts');
    if (runsPinnedNode()) await import('./run.ts');
    else process.exitCode = await goOnUnderPinnedNode(script, args);
  }
} catch (error) {
  const known = error?.name === 'SetupError';
  process.stderr.write(`\n${known ? error.message : (error?.stack ?? error)}\n`);
  process.exitCode = 1;
}
