/**
 * The rank of a noisy matrix by empirical variational Bayesian matrix factorisation, whose global solution is analytic
 * (Nakajima, Sugiyama, Babacan and Tomioka, JMLR 14, 2013), in the simpler closed form, with a bounded search for the noise,
 * of Nakajima, Tomioka, Sugiyama and Babacan (NIPS 2012; JMLR 16, 2015). Kim et al. (2016) choose Tucker-2's ranks by it.
 */

export interface VariationalRank {
  /** How many singular values are above what noise explains. */
  readonly rank: number;
  /** As given, or as estimated. */
  readonly noiseVariance: number;
}

/** Below this part of the largest, a squared singular value is rounding. */
const NOTHING = 1e-14;
const GRID = 200;

/**
 * @param energies squares of all singular values of the matrix, the largest first
 * @param sides of the matrix, in any order
 * @param noiseVariance of each element, where it is known
 */
export function evbmf(
  energies: ArrayLike<number>,
  sides: readonly [number, number],
  noiseVariance?: number,
): VariationalRank {
  const [short, long] = [Math.min(...sides), Math.max(...sides)];
  const all = Array.from(energies).slice(0, short);
  const present = all.filter((energy) => energy > NOTHING * (all[0] ?? 0));
  const alpha = short / long;
  const threshold = thresholdOf(alpha);
  const rankAt = (variance: number): number => present.filter((energy) => energy > long * variance * threshold).length;
  if (noiseVariance !== undefined) return { rank: rankAt(noiseVariance), noiseVariance };
  // Without any noise the free energy has no lowest point: it falls without end as the variance goes to 0.
  if (present.length < short) return { rank: present.length, noiseVariance: 0 };
  const variance = estimate(present, short, long, alpha, threshold);
  return { rank: rankAt(variance), noiseVariance: variance };
}

/** x̲ = (1 + τ̲)(1 + α/τ̲): above M·σ²·x̲ a squared singular value is kept. τ̲ is where Φ(τ) + Φ(τ/α) crosses 0. */
export function thresholdOf(alpha: number): number {
  const phi = (z: number): number => Math.log1p(z) / z - 0.5;
  let [low, high] = [Math.sqrt(alpha), 4];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (phi(middle) + phi(middle / alpha) > 0) low = middle;
    else high = middle;
  }
  return (1 + low) * (1 + alpha / low);
}

/** The variance at which the free energy is lowest, within its bounds. */
function estimate(energies: readonly number[], short: number, long: number, alpha: number, threshold: number): number {
  const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
  const most = Math.min(Math.ceil(short / (1 + alpha)) - 1, energies.length - 1);
  const rest = energies.slice(most);
  const low = Math.max((rest[0] ?? 0) / (long * threshold), sum(rest) / (long * rest.length));
  const high = sum(energies) / (short * long);
  const at = (t: number): number => low * (high / low) ** t;
  const energy = (t: number): number => freeEnergy(energies, long * at(t), alpha, threshold);
  // It may have several low points: the best of a grid, then the golden section around it.
  let best = 0;
  for (let i = 1; i <= GRID; i++) if (energy(i / GRID) < energy(best)) best = i / GRID;
  return at(goldenSection(energy, Math.max(0, best - 1 / GRID), Math.min(1, best + 1 / GRID)));
}

/** Σ ψ(γ² / Mσ²), ψ(x) = x − log x, and above x̲ also + log(τ + 1) + α·log(τ/α + 1) − τ. */
function freeEnergy(energies: readonly number[], scale: number, alpha: number, threshold: number): number {
  let total = 0;
  for (const energy of energies) {
    const x = energy / scale;
    total += x - Math.log(x);
    if (x <= threshold) continue;
    const beyond = x - (1 + alpha);
    const tau = 0.5 * (beyond + Math.sqrt(beyond * beyond - 4 * alpha));
    total += Math.log1p(tau) + alpha * Math.log1p(tau / alpha) - tau;
  }
  return total;
}

function goldenSection(f: (x: number) => number, from: number, to: number): number {
  const part = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [from, to];
  for (let i = 0; i < 60; i++) {
    const [a, b] = [high - part * (high - low), low + part * (high - low)];
    if (f(a) < f(b)) high = b;
    else low = a;
  }
  return (low + high) / 2;
}
