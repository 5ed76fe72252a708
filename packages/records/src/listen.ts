import pg from 'pg';
import type { Channel } from './database.ts';

/**
 * Listens on Postgres' channels on a connection of its own, and connects again when it breaks. A notification may be
 * lost meanwhile: `onGap` is called after each (re)connection, so that the listener reads the facts anew.
 */
export function listen(
  connectionString: string,
  channels: Channel[],
  onNotify: (channel: Channel, payload: string) => void,
  onGap: () => void = () => {},
): { close(): Promise<void> } {
  let closed = false;
  let client: pg.Client | null = null;
  let timer: NodeJS.Timeout | undefined;

  async function connect(): Promise<void> {
    const next = new pg.Client({ connectionString, keepAlive: true });
    let failed = false;
    const retry = () => {
      if (failed || closed) return;
      failed = true;
      client = null;
      next.end().catch(() => {});
      timer = setTimeout(connect, 500);
    };
    next.on('error', retry);
    next.on('end', retry);
    next.on('notification', (message) =>
      onNotify(message.channel as Channel, message.payload ?? ''),
    );
    try {
      await next.connect();
      for (const channel of channels) await next.query(`LISTEN ${channel}`);
      if (closed) return void (await next.end());
      client = next;
      onGap();
    } catch {
      retry();
    }
  }
  void connect();
  return {
    async close() {
      closed = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
