import { describe, expect, it } from 'vitest';
import { bytes, count, formatTable, ms, percent } from './table.ts';

describe('formatTable()', () => {
  it('aligns words to the left and numbers to the right', () => {
    const table = formatTable(
      [{ title: 'layer' }, { title: 'ms', align: 'right' }],
      [
        ['conv1', '0.5'],
        ['fc', '12.25'],
      ],
    );
    expect(table).toBe(['layer     ms', 'conv1    0.5', 'fc     12.25'].join('\n'));
  });
});

describe('units', () => {
  it('keeps numbers short', () => {
    expect([count(999), count(853_018), count(126_800_000)]).toEqual(['999', '853.0 k', '126.8 M']);
    expect([bytes(1023), bytes(1536)]).toEqual(['1023 B', '1.5 KiB']);
    expect([ms(0.1694), ms(12.34), ms(null), percent(0.8825, 2)]).toEqual(['0.169 ms', '12.3 ms', '-', '88.25 %']);
  });
});
