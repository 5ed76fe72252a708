import { type GenericFormatter, SingleBar } from 'cli-progress';

const barWidth = 40;
const lineMs = 5_000;
/** What is done sooner needs no word. */
const firstLineMs = 1_000;

/** A bar on a terminal's stderr; where it is no terminal, a line now and then. */
export class Progress {
  private readonly label: string;
  private readonly bar: SingleBar | null;
  private isKnown = false;
  private shown = '';
  private shownAt = Date.now() - lineMs + firstLineMs;

  constructor(label: string) {
    this.label = label;
    this.bar = process.stderr.isTTY
      ? new SingleBar({ format: this.format, stream: process.stderr, fps: 5 })
      : null;
    this.bar?.start(100, 0, { text: '' });
  }

  /** @param percent null where nobody knows how far it is: then only the words are shown. */
  show(percent: number | null, text = ''): void {
    this.isKnown = percent !== null;
    this.bar?.update(Math.min(100, Math.floor(percent ?? 0)), { text });
    if (this.bar) return;
    const parts = [percent === null ? '' : `${Math.floor(percent)} %`, text];
    const line = `${this.label}: ${parts.filter((part) => part !== '').join(', ')}`;
    if (line === this.shown || Date.now() - this.shownAt < lineMs) return;
    this.shown = line;
    this.shownAt = Date.now();
    process.stderr.write(`${line}\n`);
  }

  private readonly format: GenericFormatter = (_, { progress }, { text }) => {
    if (!this.isKnown) return `${this.label}: ${text}`;
    const filled = Math.round(progress * barWidth);
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled);
    return `${this.label} ${bar} ${Math.floor(100 * progress)} % ${text}`;
  };

  end(): void {
    this.bar?.stop();
  }
}
