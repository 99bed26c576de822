/** The bearer token that both protocols ask for by option: RFC 6750's `Authorization: Bearer <token>`. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { SkeinError } from '../base/index.ts';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export type BearerCheck = (authorization: string | undefined) => void;

/**
 * A check of the `authorization` header. The comparison takes as long for a wrong token as for the right one.
 * @throws the check throws SkeinError 'unauthenticated' where the token is missing or wrong
 */
export function bearerCheck(token: string): BearerCheck {
  if (token === '') {
    throw new SkeinError('invalid-argument', 'The bearer token must not be empty; leave the option out for none');
  }
  const expected = digest(token);
  return (authorization) => {
    const given = authorization === undefined ? undefined : /^bearer +(\S+) *$/i.exec(authorization)?.[1];
    if (given !== undefined && timingSafeEqual(digest(given), expected)) return;
    const fault = authorization === undefined ? 'has none' : 'has a wrong one';
    throw new SkeinError(
      'unauthenticated',
      `This server asks for a bearer token and the request ${fault}: send 'authorization: Bearer <token>'`,
    );
  };
}
