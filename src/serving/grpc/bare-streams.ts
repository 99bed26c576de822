/**
 * Takes calls before grpc-js does. It has no public way to them: its handlers of HTTP/2 streams are wrapped by their
 * names. Where another release names them otherwise, nothing is taken and every call goes its way.
 */
import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import type { Server } from '@grpc/grpc-js';

/** With channelz and without it. */
const HANDLERS = ['_channelzHandler', '_streamHandler'];

/** @param take true: it serves the call */
export function takeStreams(
  server: Server,
  take: (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => boolean,
): void {
  const inner = server as unknown as Record<string, unknown>;
  for (const name of HANDLERS) {
    const handle = inner[name];
    if (typeof handle !== 'function' || handle.length !== 3) continue;
    inner[name] = (interceptors: unknown, stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void => {
      if (!take(stream, headers)) handle.call(server, interceptors, stream, headers);
    };
  }
}
