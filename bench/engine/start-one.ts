// `node bench/engine/start-one.ts`: how long it takes from nothing to the compiled plan of mnist-cnn's training step,
// in a process of its own: the engine is loaded, the graph made, the plan compiled. Prints microseconds.
const start = performance.now();
const { Graph, Pipeline, Session, Trainer } = await import('@vanda/engine');
const { mnistCnn } = await import('../networks/convolutional.ts');
const graph = new Graph({ seed: 1 });
const x = graph.placeholder('x', [null, 28, 28, 1]);
const y = graph.placeholder('y', [null], 'i32');
const { loss, optimizer } = mnistCnn.build({ x, y });
const { batch } = mnistCnn;
const columns = {
  x: { data: new Float32Array(batch * 28 * 28).fill(0.5), shape: [28, 28, 1] },
  y: { data: new Int32Array(batch), shape: [] },
};
const session = new Session(graph, { threads: 2 });
const pipeline = new Pipeline({ columns, batchSize: batch });
new Trainer(session, { pipeline, loss, optimizer }).planReport();
console.log((performance.now() - start) * 1000);
session.close();
pipeline.close();
