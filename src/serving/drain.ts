/** What both protocols wait for when a server ends. */

/** For the rest of a request that was under way when the drain began, and for clients to close their connections. */
export const ARRIVAL_MS = 2000;
const CHECK_MS = 50;

/** Waits until `done`, which is told how long that has taken, but not longer than `graceMs`. */
export async function waitUntil(done: (waitedMs: number) => boolean, graceMs: number): Promise<void> {
  const start = performance.now();
  for (;;) {
    const waitedMs = performance.now() - start;
    if (done(waitedMs) || waitedMs >= graceMs) return;
    await new Promise((resolve) => setTimeout(resolve, Math.min(CHECK_MS, graceMs - waitedMs)));
  }
}
