/** The frames of HTTP/2 (RFC 9113, sections 4 and 6) that a client meets which makes one plain call after another. */

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const FRAME = {
  data: 0,
  headers: 1,
  reset: 3,
  settings: 4,
  ping: 6,
  goAway: 7,
  windowUpdate: 8,
} as const;

export const FLAG = { endStream: 1, ack: 1, endHeaders: 4, padded: 8, priority: 32 } as const;

export const SETTING = { headerTableSize: 1, enablePush: 2, initialWindowSize: 4, maxFrameSize: 5 } as const;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly stream: number;
  /** Shares memory with the bytes that were read. */
  readonly payload: Buffer;
}

const HEAD_BYTES = 9;
const PRIORITY_BYTES = 5;
const NOTHING = Buffer.alloc(0);

export function frameOf(type: number, flags: number, stream: number, payload: Uint8Array = NOTHING): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + payload.length);
  frame.writeUIntBE(payload.length, 0, 3);
  frame[3] = type;
  frame[4] = flags;
  frame.writeUInt32BE(stream, 5);
  frame.set(payload, HEAD_BYTES);
  return frame;
}

/** @param values by the numbers of {@link SETTING} */
export function settingsOf(values: ReadonlyMap<number, number>): Buffer {
  const payload = Buffer.alloc(6 * values.size);
  let at = 0;
  for (const [setting, value] of values) {
    payload.writeUInt16BE(setting, at);
    payload.writeUInt32BE(value, at + 2);
    at += 6;
  }
  return frameOf(FRAME.settings, 0, 0, payload);
}

export function readSettings({ payload }: Frame): Map<number, number> {
  const values = new Map<number, number>();
  for (let at = 0; at + 6 <= payload.length; at += 6)
    values.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
  return values;
}

/** Of the connection. */
export function windowUpdateOf(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frameOf(FRAME.windowUpdate, 0, 0, payload);
}

/** What a DATA or HEADERS frame carries, without padding and priority. */
export function contentOf({ type, flags, payload }: Frame): Buffer {
  let start = 0;
  let end = payload.length;
  if ((flags & FLAG.padded) !== 0) {
    end -= payload[0] ?? 0;
    start = 1;
  }
  if (type === FRAME.headers && (flags & FLAG.priority) !== 0) start += PRIORITY_BYTES;
  return payload.subarray(start, Math.max(start, end));
}

/** Cuts what comes in into frames. */
export class FrameReader {
  #rest: Buffer = NOTHING;

  read(chunk: Buffer, onFrame: (frame: Frame) => void): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= HEAD_BYTES) {
      const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3);
      if (bytes.length < end) break;
      onFrame({
        type: bytes[at + 3] as number,
        flags: bytes[at + 4] as number,
        stream: bytes.readUInt32BE(at + 5) & 0x7fffffff,
        payload: bytes.subarray(at + HEAD_BYTES, end),
      });
      at = end;
    }
    // The chunk is overwritten by the next one.
    this.#rest = at === bytes.length ? NOTHING : Buffer.from(bytes.subarray(at));
  }
}
