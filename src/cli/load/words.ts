/** What the options of `skein bench` may say. Apart from the generator, so that knowing the words does not load it. */

export const LOAD_PROTOCOLS = ['http', 'grpc'] as const;

export type LoadProtocol = (typeof LOAD_PROTOCOLS)[number];

/** Arrivals of an open loop that may wait for a free connection; those beyond fail. */
export const MOST_WAITING = 10_000;

export const PAYLOADS = ['tensor', 'image', 'bytes'] as const;

/**
 * tensor: normalised floats as a binary FP32 tensor; image: the image file as the body of classify; bytes: the image file
 * as a binary BYTES tensor.
 */
export type Payload = (typeof PAYLOADS)[number];
