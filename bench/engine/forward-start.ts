// `node bench/engine/forward-start.ts FOLDER`: how long it takes from nothing to the first answer of the artifact in
// FOLDER, in a process of its own: the part of the engine that answers is loaded, the artifact read, the plan compiled
// and run once. Prints microseconds.
const start = performance.now();
const { loadArtifact } = await import('@vanda/engine/serving');
const artifact = await loadArtifact(process.argv[2] ?? '', { threads: 2 });
const input = Object.entries(artifact.signatures.predict?.inputs ?? {})[0];
const shape = (input?.[1].shape ?? []).map((dim) => dim ?? 1);
const data = new Float32Array(shape.reduce((product, dim) => product * dim, 1)).fill(0.5);
await artifact.run('predict', { [input?.[0] ?? '']: { dtype: 'f32', shape, data } });
console.log((performance.now() - start) * 1000);
artifact.close();
