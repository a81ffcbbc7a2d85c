// Whether threads that wait for each other should spin or sleep. Spinning is 5–20% faster where the cores are free and up
// to 30% slower beside a busy process, so each session looks at how busy others have kept the cores. Results do not
// depend on it. Linux only; elsewhere threads sleep.

/** Time in ticks since the start: of all cores together, of that busy, and of this process. */
interface Ticks {
  total: number;
  busy: number;
  own: number;
}

/** What others may take of one core before threads sleep. */
const FREE = 0.3;

/** Ticks (of 10 ms, on all cores) that say enough. */
const ENOUGH = 20;

let before = readTicks();
let free = true;

/** Whether others have left the cores alone since the last time this was asked (or since the start). */
export function coresAreFree(): boolean {
  const now = readTicks();
  if (!before || !now) return false;
  if (now.total - before.total < ENOUGH) return free;
  free = othersShare(before, now) * navigator.hardwareConcurrency < FREE;
  before = now;
  return free;
}

/** The share of all cores' time between two moments that other processes took. */
export function othersShare(a: Ticks, b: Ticks): number {
  return Math.max(0, b.busy - a.busy - (b.own - a.own)) / (b.total - a.total);
}

function readTicks(): Ticks | undefined {
  try {
    return parseTicks(Deno.readTextFileSync("/proc/stat"), Deno.readTextFileSync("/proc/self/stat"));
  } catch {
    return undefined;
  }
}

/** From the texts of /proc/stat and /proc/self/stat (proc(5)). Idle, waiting for disks, and stolen by the host is not busy. */
export function parseTicks(system: string, process: string): Ticks {
  const [user, nice, kernel, idle, wait, irq, softirq, steal] = system.split("\n")[0].trim().split(/\s+/)
    .slice(1)
    .map(Number);
  const fields = process.slice(process.lastIndexOf(")") + 2).split(" ").map(Number);
  const busy = user + nice + kernel + irq + softirq;
  return { total: busy + idle + wait + steal, busy, own: fields[11] + fields[12] };
}
