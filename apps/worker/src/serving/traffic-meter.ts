import type { ServingTraffic } from '@vanda/records';

const latenciesKept = 1024;
const rateSeconds = 10;

/** One endpoint's figures since the server's start; percentiles over the last requests. */
export class TrafficMeter {
  private requests = 0;
  private errors = 0;
  private readonly latencies: number[] = [];
  /** Requests of each of the last seconds, by second modulo the window. */
  private readonly seconds = new Array<number>(rateSeconds + 1).fill(0);
  private second = now();

  count(ms: number, failed: boolean): void {
    this.turn();
    this.latencies[this.requests % latenciesKept] = ms;
    this.requests++;
    if (failed) this.errors++;
    const slot = this.second % this.seconds.length;
    this.seconds[slot] = (this.seconds[slot] ?? 0) + 1;
  }

  figures(): ServingTraffic {
    this.turn();
    const sorted = [...this.latencies].sort((a, b) => a - b);
    const at = (share: number) => {
      const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
      return value === undefined ? null : Math.round(value * 100) / 100;
    };
    const current = this.seconds[this.second % this.seconds.length] ?? 0;
    const whole = this.seconds.reduce((sum, count) => sum + count, 0) - current;
    return {
      requests: this.requests,
      errors: this.errors,
      rate: whole / rateSeconds,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  }

  /** Forgets the seconds that have left the window. */
  private turn(): void {
    const second = now();
    const passed = Math.min(second - this.second, this.seconds.length);
    for (let step = 1; step <= passed; step++) {
      this.seconds[(this.second + step) % this.seconds.length] = 0;
    }
    this.second = second;
  }
}

function now(): number {
  return Math.floor(performance.now() / 1000);
}
