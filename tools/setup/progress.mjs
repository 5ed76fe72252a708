// Lines that show what is going on: one that is redrawn on a terminal, plain ones in a log.
// Built-ins only: the first lines appear before anything is installed.

const terminal = Boolean(process.stderr.isTTY) && !process.env.CI;
const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];

/** Prints a line of its own. */
export function say(line = '') {
  clear();
  process.stderr.write(`${line}\n`);
  draw();
}

/** `83` -> `1 min 23 s` and the like. */
export function elapsed(ms) {
  const seconds = ms / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  return `${Math.floor(seconds / 60)} min ${Math.round(seconds) % 60} s`;
}

/** @type {{title: string, from: number, fraction: number | null, note: string} | null} */
let current = null;
let timer;
let frame = 0;
let drawn = false;

/**
 * Runs one step of work under a title, with the time that it takes. `report(fraction, note)` turns
 * the line into a bar. A step of under a second leaves a line all the same, without a time.
 *
 * @template T
 * @param {string} title
 * @param {(report: (fraction: number | null, note?: string) => void) => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function step(title, work) {
  const from = Date.now();
  current = { title, from, fraction: null, note: '' };
  let told = 0;
  const report = (fraction, note = '') => {
    if (current) Object.assign(current, { fraction, note });
    // A log gets a line every ten seconds, not one for every percent.
    if (!terminal && Date.now() - from > 1000 && Date.now() - told > 10_000) {
      told = Date.now();
      const percent = fraction === null ? '' : ` ${Math.floor(fraction * 100)} %`;
      process.stderr.write(
        `  ${title}${percent}${note ? `, ${note}` : ''} (${elapsed(told - from)})\n`,
      );
    }
  };
  if (terminal) timer = setInterval(draw, 100);
  else timer = setInterval(() => report(current?.fraction ?? null, current?.note), 10_000);
  timer.unref();
  draw();
  try {
    const result = await work(report);
    finish('✓', title, Date.now() - from);
    return result;
  } catch (error) {
    finish('✗', title, Date.now() - from);
    throw error;
  }
}

/** Forgets the step under way: its work was given up. */
export function dropStep() {
  clearInterval(timer);
  clear();
  current = null;
}

function finish(mark, title, tookMs) {
  dropStep();
  const time = tookMs >= 1000 ? `  ${elapsed(tookMs)}` : '';
  process.stderr.write(`${mark} ${title}${time}\n`);
}

function draw() {
  if (!terminal || !current) return;
  clear();
  const { title, from, fraction, note } = current;
  frame = (frame + 1) % frames.length;
  const bar = fraction === null ? '' : ` ${drawBar(fraction)} ${Math.floor(fraction * 100)} %`;
  const line = `${frames[frame]} ${title}${bar}  ${elapsed(Date.now() - from)}${note ? `  ${note}` : ''}`;
  process.stderr.write(line.slice(0, (process.stderr.columns ?? 80) - 1));
  drawn = true;
}

function drawBar(fraction) {
  const full = Math.round(Math.min(1, Math.max(0, fraction)) * 24);
  return '█'.repeat(full) + '░'.repeat(24 - full);
}

function clear() {
  if (!drawn) return;
  process.stderr.write('\r\x1b[2K');
  drawn = false;
}
