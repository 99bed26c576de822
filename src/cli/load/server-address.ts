/** Where a measured server is, and what it and this side want to see of each other. */
import { messageOf, SkeinError } from '../../base/index.ts';

/** A server of the Open Inference Protocol. */
export interface ServerAddress {
  /** http:, https:, grpc: or grpcs:, of which only the origin counts. */
  readonly url: URL;
  /** Sent with each request. */
  readonly token?: string;
  /** Certificates (PEM) to check the server's against, instead of those of the well-known authorities. */
  readonly ca?: string;
}

export function isSecure({ url }: ServerAddress): boolean {
  return url.protocol === 'https:' || url.protocol === 'grpcs:';
}

/** The header of a token. */
export function authorization(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EPIPE: 'connection reset',
  ETIMEDOUT: 'connection timed out',
  ENOTFOUND: 'no such host',
  UND_ERR_SOCKET: 'connection closed by the server',
  UND_ERR_HEADERS_TIMEOUT: 'no answer in time',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS',
  EPROTO: 'TLS cannot be agreed on',
};

/** OpenSSL's words for a certificate that nobody known vouches for. */
const UNTRUSTED: readonly string[] = [
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
];

/** The few words for what is wrong with a connection. */
export function reasonOf(error: NodeJS.ErrnoException): string {
  const code = error.code ?? '';
  if (UNTRUSTED.includes(code)) return 'its certificate is self-signed or of an unknown authority';
  // Its message says which names the certificate has.
  if (code === '' || code === 'ERR_TLS_CERT_ALTNAME_INVALID') return messageOf(error);
  return REASONS[code] ?? code;
}

/** 'unavailable', with what to do about it. @param error what the connection ended with, if with an error at all */
export function unreachable(server: ServerAddress, error: NodeJS.ErrnoException | undefined): SkeinError {
  const { protocol, host } = server.url;
  const why = error === undefined ? 'connection closed by the server' : reasonOf(error);
  return new SkeinError('unavailable', `Cannot reach ${protocol}//${host}: ${why}${adviceOn(server, error)}`, {
    cause: error,
  });
}

function adviceOn(server: ServerAddress, error: NodeJS.ErrnoException | undefined): string {
  const code = error?.code ?? '';
  const { protocol } = server.url;
  if (UNTRUSTED.includes(code)) {
    return server.ca === undefined ? ': give it, or that of its authority, with --ca' : ', and not by that of --ca';
  }
  if (code === 'ECONNREFUSED') return '; is the server running?';
  if (code === 'ERR_SSL_WRONG_VERSION_NUMBER') return `: use ${protocol.replace('s:', ':')}//`;
  const closed = error === undefined || code === 'ECONNRESET' || code === 'UND_ERR_SOCKET';
  return closed && !isSecure(server) ? `; does it want TLS (${protocol.replace(':', 's:')}//)?` : '';
}
