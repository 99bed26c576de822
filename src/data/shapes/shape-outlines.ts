/**
 * The ten outlines of the drawn data as signed distances: negative inside, about 1 = the outline's radius. Only sums,
 * products and square roots occur, which IEEE 754 fixes to the bit; sines and cosines differ between engines.
 */
export type Outline = (x: number, y: number) => number;

/** In alphabetical order: the label is the index in here. */
export const OUTLINES: Readonly<Record<string, Outline>> = {
  circle: (x, y) => length(x, y) - 0.9,
  // A disc of which a smaller one, moved to the right, is taken away.
  crescent: (x, y) => Math.max(length(x, y) - 1, 0.85 - length(x - 0.55, y)),
  cross: (x, y) => Math.min(box(x, y, 1, 0.36), box(x, y, 0.36, 1)),
  hexagon: regularPolygon(6, 1 / 2, Math.sqrt(3) / 2, 0.98),
  pentagon: regularPolygon(5, (Math.sqrt(5) - 1) / 4, Math.sqrt(10 + 2 * Math.sqrt(5)) / 4, 1.02),
  ring: (x, y) => Math.abs(length(x, y) - 0.75) - 0.25,
  // Moved so that the middle of its area is near the origin.
  semicircle: (x, y) => Math.max(length(x, y + 0.45) - 1.15, -(y + 0.45)),
  square: (x, y) => box(x, y, 0.8, 0.8),
  star: star(1.15, 0.5),
  triangle: regularPolygon(3, -1 / 2, Math.sqrt(3) / 2, 1.2),
};

/** None of the ten: an arrow, a shaft of 1 × 0.56 behind a head of 1.1 × 1.7. */
export const NEW_OUTLINE: Outline = (x, y) => {
  const beyondEdge = (0.85 * x + 1.1 * Math.abs(y) - 0.85 * 1.1) / Math.sqrt(0.85 ** 2 + 1.1 ** 2);
  return Math.min(Math.max(beyondEdge, -x), box(x + 0.45, y, 0.55, 0.28));
};

function length(x: number, y: number): number {
  return Math.sqrt(x * x + y * y);
}

function box(x: number, y: number, halfWidth: number, halfHeight: number): number {
  return Math.max(Math.abs(x) - halfWidth, Math.abs(y) - halfHeight);
}

/** @param cos, sin of a full turn / sides */
function turns(count: number, cos: number, sin: number): [number, number][] {
  const points: [number, number][] = [[1, 0]];
  while (points.length < count) {
    const [x, y] = points[points.length - 1] as [number, number];
    points.push([x * cos - y * sin, x * sin + y * cos]);
  }
  return points;
}

/** The largest distance from any side's line; @param radius of the corners */
function regularPolygon(sides: number, cos: number, sin: number, radius: number): Outline {
  const normals = turns(sides, cos, sin);
  // cos(half the angle between two sides)
  const apothem = radius * Math.sqrt((1 + cos) / 2);
  return (x, y) => {
    let distance = Number.NEGATIVE_INFINITY;
    for (const [nx, ny] of normals) distance = Math.max(distance, nx * x + ny * y - apothem);
    return distance;
  };
}

/** Five points: the exact distance to the ten sides, negative where a ray crosses an odd number of them. */
function star(outer: number, inner: number): Outline {
  const cos36 = (1 + Math.sqrt(5)) / 4;
  const corners = turns(10, cos36, Math.sqrt(1 - cos36 * cos36)).map(([x, y], i): [number, number] => {
    const radius = i % 2 === 0 ? outer : inner;
    return [x * radius, y * radius];
  });
  return (x, y) => {
    let nearest = Number.POSITIVE_INFINITY;
    let inside = false;
    let [bx, by] = corners[corners.length - 1] as [number, number];
    for (const [ax, ay] of corners) {
      const ex = bx - ax;
      const ey = by - ay;
      const along = Math.min(Math.max(((x - ax) * ex + (y - ay) * ey) / (ex * ex + ey * ey), 0), 1);
      const dx = x - ax - ex * along;
      const dy = y - ay - ey * along;
      nearest = Math.min(nearest, dx * dx + dy * dy);
      if (ay > y !== by > y && x < (ex * (y - ay)) / ey + ax) inside = !inside;
      [bx, by] = [ax, ay];
    }
    return inside ? -Math.sqrt(nearest) : Math.sqrt(nearest);
  };
}
