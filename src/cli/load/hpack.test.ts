import { describe, expect, it } from 'vitest';
import { decodeHeaders, encodeHeaders } from './hpack.ts';

const hex = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex');

describe('decodeHeaders', () => {
  it('reads literals with Huffman codes (RFC 7541, C.6.1)', () => {
    const block =
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3';
    expect([...decodeHeaders(hex(block))]).toEqual([[':status', '302']]);
  });

  it('reads custom names with Huffman codes (RFC 7541, C.4.3, without its dynamic references)', () => {
    expect([...decodeHeaders(hex('4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'))]).toEqual([
      ['custom-key', 'custom-value'],
    ]);
  });

  // Both blocks were written by the Python package hpack 4, with a header table of no bytes.
  it('reads the trailers of a refusal with Huffman codes', () => {
    const block =
      '20885f8b1d75d0620d263d4c4d656440889acac8b21234da8f810740899acac8b5254207317f96df3954ed696d2a864292db4517146d4544da941654ff';
    expect([...decodeHeaders(hex(block))]).toEqual([
      [':status', '200'],
      ['grpc-status', '0'],
      ['grpc-message', 'The queue is full: 5 %25 left'],
    ]);
  });

  it('reads plain literals', () => {
    expect([...decodeHeaders(hex('204803353033400b677270632d737461747573023134'))]).toEqual([
      [':status', '503'],
      ['grpc-status', '14'],
    ]);
  });

  it('refuses blocks that are cut off or refer to a dynamic table', () => {
    expect(() => decodeHeaders(hex('400b6772'))).toThrow(/cut off/);
    expect(() => decodeHeaders(hex('be'))).toThrow(/no such field/);
  });
});

describe('encodeHeaders', () => {
  it('writes literals that enter no table (RFC 7541, C.2.2 with a literal name)', () => {
    expect(encodeHeaders({ ':path': '/a' }).toString('hex')).toBe('00053a70617468022f61');
  });

  it('writes long values with their length in several bytes', () => {
    const value = 'x'.repeat(1337);
    // 1337 - 127 = 1210 = 9 · 128 + 58
    expect(encodeHeaders({ a: value }).subarray(0, 6).toString('hex')).toBe('0001617fba09');
    expect(decodeHeaders(encodeHeaders({ a: value })).get('a')).toBe(value);
  });
});
