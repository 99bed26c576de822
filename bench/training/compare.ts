/** Skein's training steps beside each peer's: a row each, and one for memory. */
import { messageOf } from '../../src/base/index.ts';
import { inTurn, pairwise, spread } from '../report/rounds.ts';
import type { Row } from '../report/table.ts';
import type { TrainingOptions } from './options.ts';
import { type Peer, peersOf, skeinCommand } from './step-commands.ts';
import { StepProcess } from './step-process.ts';

const MOST_MEMORY = 2;

/** Where nothing could be started, why. */
type Started =
  | { readonly peer: Peer; readonly process: StepProcess }
  | { readonly peer: Peer; readonly missing: string };

export async function compare(options: TrainingOptions, log: (line: string) => void): Promise<Row[]> {
  const skein = await StepProcess.start(skeinCommand(options));
  await skein.rate(1);
  const started: Started[] = [];
  for (const peer of peersOf(options)) {
    log(`${peer.title} starts …`);
    started.push(await start(peer));
  }
  const { ours, peers } = await measureInTurn(skein, started, options, log);
  const memory = memoryRow(await skein.peakMemory(), peers[0]?.peak);
  const rows: Row[] = [];
  for (const [i, each] of started.entries()) {
    const { peer } = each;
    const measure = `training : ${'process' in each ? each.process.name : peer.title}`;
    if ('missing' in each) {
      rows.push({ measure, ours: perSecond(ours), peer: `not measured: ${each.missing}` });
      continue;
    }
    const slow = peer.slow ? `, ${peer.command?.batch} images in its one step` : '';
    log(`  ${each.process.name}`);
    const rates = peer.slow ? await measureOnce(skein, each.process, options) : (peers[i] as Measured);
    rows.push({
      measure: `${measure}${slow}`,
      ours: perSecond(rates.ours),
      peer: perSecond(rates.theirs),
      value: pairwise(rates.ours, rates.theirs, (a, b) => a / b),
      target: { at: 'least', value: peer.least },
    });
    if (!peer.slow) rows.push(fastestRow(rates));
  }
  await skein.close();
  return [...rows, ...(await processorTimeRows(options, log)), memory];
}

/**
 * Skein and PyTorch with one thread each, by the time that it ran. Two threads that wait for each other suffer from busy
 * neighbours many times over, and PyTorch's more than ONNX Runtime's; this tells how the work compares all the same.
 */
async function processorTimeRows(options: TrainingOptions, log: (line: string) => void): Promise<Row[]> {
  const alone = { ...options, threads: 1 };
  const [pytorch] = peersOf(alone);
  const [ours, theirs] = [await start({ ...pytorch, command: skeinCommand(alone) }), await start(pytorch)];
  if ('missing' in ours || 'missing' in theirs) return [];
  log('  by processor time …');
  const rateOf = async ({ process }: { process: StepProcess }) =>
    (await process.rate(options.seconds)).perProcessorSecond;
  const rates = await inTurn(options.rounds, { ours: () => rateOf(ours), theirs: () => rateOf(theirs) });
  for (const { process } of [ours, theirs]) await process.close();
  return [
    {
      measure: `one thread, by processor time : ${theirs.process.name}`,
      ours: perSecond(rates.ours),
      peer: perSecond(rates.theirs),
      value: pairwise(rates.ours, rates.theirs, (a, b) => a / b),
      target: { at: 'least', value: pytorch.least },
    },
  ];
}

/** A peer that is fast enough to be measured in turn has taken its first step. */
async function start(peer: Peer): Promise<Started> {
  if (peer.command === undefined) return { peer, missing: peer.missing ?? 'nothing starts it' };
  try {
    const process = await StepProcess.start(peer.command);
    if (!peer.slow) await process.rate(1);
    return { peer, process };
  } catch (error) {
    return { peer, missing: messageOf(error) };
  }
}

interface Measured {
  /** Images a second, round by round. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** MB. */
  readonly peak: number;
}

/** Skein and all peers that are not slow; undefined for the others. */
async function measureInTurn(
  skein: StepProcess,
  started: readonly Started[],
  { rounds, seconds }: TrainingOptions,
  log: (line: string) => void,
): Promise<{ readonly ours: readonly number[]; readonly peers: readonly (Measured | undefined)[] }> {
  const running = started.map((each) => ('process' in each && !each.peer.slow ? each.process : undefined));
  const rateOf = async (process: StepProcess) => (await process.rate(seconds)).perSecond;
  const cases: Record<string, () => Promise<number>> = { skein: () => rateOf(skein) };
  for (const [i, process] of running.entries()) {
    if (process !== undefined) cases[i] = () => rateOf(process);
  }
  log('in turn …');
  const rates = await inTurn(rounds, cases);
  for (const [name, values] of Object.entries(rates)) {
    const who = name === 'skein' ? skein : running[Number(name)];
    log(`  ${who?.name}, images/s: ${values.map((value) => value.toFixed(0)).join(', ')}`);
  }
  const ours = rates.skein as number[];
  const peers = running.map(async (process, i) => {
    if (process === undefined) return undefined;
    const peak = await process.peakMemory();
    await process.close();
    return { ours, theirs: rates[i] as number[], peak };
  });
  return { ours, peers: await Promise.all(peers) };
}

/** One step after the first, which compiles. */
async function measureOnce(
  skein: StepProcess,
  process: StepProcess,
  { seconds }: TrainingOptions,
): Promise<Omit<Measured, 'peak'>> {
  await process.rate(0);
  const theirs = await process.rate(0);
  await process.close();
  return { ours: [(await skein.rate(seconds)).perSecond], theirs: [theirs.perSecond] };
}

/** What neighbours on the machine disturbed least: two threads that wait for each other suffer more from them than one. */
function fastestRow({ ours, theirs }: Omit<Measured, 'peak'>): Row {
  const [best, bestPeer] = [Math.max(...ours), Math.max(...theirs)];
  return {
    measure: 'the same, the fastest round of each',
    ours: perSecond([best]),
    peer: perSecond([bestPeer]),
    value: spread([best / bestPeer]),
  };
}

function memoryRow(ours: number, theirs: number | undefined): Row {
  const measure = 'peak memory of the process : PyTorch';
  const shown = (megabytes: number) => `${megabytes.toFixed(0)} MB`;
  if (theirs === undefined || Number.isNaN(ours) || Number.isNaN(theirs)) {
    return { measure, ours: shown(ours), peer: 'not measured' };
  }
  return {
    measure,
    ours: shown(ours),
    peer: shown(theirs),
    value: spread([ours / theirs]),
    target: { at: 'most', value: MOST_MEMORY },
  };
}

function perSecond(values: readonly number[]): string {
  const { median } = spread(values);
  return `${median < 10 ? median.toFixed(2) : median.toFixed(0)} images/s`;
}
