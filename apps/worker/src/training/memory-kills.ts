import { readFileSync } from 'node:fs';

/**
 * How often the kernel has killed a process here for want of memory: of this control group where there is one
 * (cgroup v2, memory.events), else of the machine (/proc/vmstat). A SIGKILL that nobody here sent, together with a
 * count that grew, is taken for such a kill.
 */
export function memoryKills(): number {
  for (const file of ['/sys/fs/cgroup/memory.events', '/proc/vmstat']) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(file, 'utf8'));
      if (count) return Number(count[1]);
    } catch {
      // Not every kernel or container shows this file.
    }
  }
  return 0;
}
