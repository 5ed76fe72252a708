import { Counter, Histogram, Registry } from 'prom-client';

const microseconds = [100, 300, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5, 1e6, 3e6, 1e7];

/** Prometheus figures by TensorFlow Serving's names (its latencies are in microseconds), and our own beside them. */
export class ServingMetrics {
  readonly registry = new Registry();
  readonly requests = new Counter({
    name: ':tensorflow:serving:request_count',
    help: 'Requests by model and status.',
    labelNames: ['model_name', 'status'],
    registers: [this.registry],
  });
  readonly requestLatency = new Histogram({
    name: ':tensorflow:serving:request_latency',
    help: 'Latency of a request, in microseconds.',
    labelNames: ['model_name', 'API', 'entrypoint'],
    buckets: microseconds,
    registers: [this.registry],
  });
  readonly runtimeLatency = new Histogram({
    name: ':tensorflow:serving:runtime_latency',
    help: 'Latency of the computation of a batch, in microseconds.',
    labelNames: ['model_name', 'API', 'runtime'],
    buckets: microseconds,
    registers: [this.registry],
  });
  readonly queuing = new Histogram({
    name: ':tensorflow:serving:batching_session:queuing_latency',
    help: 'How long the oldest request of a batch has waited, in microseconds.',
    buckets: microseconds,
    registers: [this.registry],
  });
  readonly instances = new Counter({
    name: 'vanda_serving_instances_total',
    help: 'Instances that were predicted.',
    registers: [this.registry],
  });
  readonly batches = new Counter({
    name: 'vanda_serving_batches_total',
    help: 'Batches that were computed.',
    registers: [this.registry],
  });

  batch(batch: { instances: number; ms: number; waitedMs: number }): void {
    this.instances.inc(batch.instances);
    this.batches.inc();
    this.queuing.observe(batch.waitedMs * 1000);
    this.runtimeLatency.observe(
      { model_name: '', API: 'predict', runtime: 'vanda' },
      batch.ms * 1000,
    );
  }

  request(model: string, entrypoint: string, status: number, ms: number): void {
    this.requests.inc({ model_name: model, status: status < 400 ? 'OK' : String(status) });
    const labels = { model_name: model, API: 'REST', entrypoint };
    this.requestLatency.observe(labels, ms * 1000);
  }
}
