import { Presets, SingleBar } from 'cli-progress';

const lineMs = 5_000;
/** What is done sooner needs no word. */
const firstLineMs = 1_000;

/** A bar on a terminal's stderr; where it is no terminal, a line now and then. */
export class Progress {
  private readonly label: string;
  private readonly bar: SingleBar | null;
  private shown = '';
  private shownAt = Date.now() - lineMs + firstLineMs;

  constructor(label: string) {
    this.label = label;
    this.bar = process.stderr.isTTY
      ? new SingleBar(
          { format: `${label} {bar} {percentage} % {text}`, stream: process.stderr, fps: 5 },
          Presets.shades_classic,
        )
      : null;
    this.bar?.start(100, 0, { text: '' });
  }

  show(percent: number, text = ''): void {
    this.bar?.update(Math.min(100, Math.floor(percent)), { text });
    if (this.bar) return;
    const line = `${this.label}: ${Math.floor(percent)} %${text === '' ? '' : `, ${text}`}`;
    if (line === this.shown || Date.now() - this.shownAt < lineMs) return;
    this.shown = line;
    this.shownAt = Date.now();
    process.stderr.write(`${line}\n`);
  }

  end(): void {
    this.bar?.stop();
  }
}
