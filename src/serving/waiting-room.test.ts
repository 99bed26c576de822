import { expect, it } from 'vitest';
import { WaitingRoom } from './waiting-room.ts';

it('refuses what does not fit while others wait, and lets it in when they have gone', () => {
  const room = new WaitingRoom(4);
  room.add(3);
  expect(room.refusal(1)).toBeUndefined();
  expect(room.refusal(2)).toMatchObject({ code: 'queue-full' });
  expect(room.refusal(2)?.message).toContain('3 of at most 4 rows wait');
  room.add(-3);
  expect(room.refusal(4)).toBeUndefined();
});

it('refuses a request larger than the queue as too large, not as one to try again, even while nothing waits', () => {
  expect(new WaitingRoom(2).refusal(3)).toMatchObject({ code: 'too-large' });
});

it('counts a row that waits in several places once', () => {
  const room = new WaitingRoom(4);
  for (let part = 0; part < 3; part++) room.add(3, 3);
  expect(room.rows).toBe(3);
  expect(room.refusal(1)).toBeUndefined();
  for (let part = 0; part < 7; part++) room.add(1, 7);
  expect(room.rows).toBe(4);
  expect(room.refusal(1)).toMatchObject({ code: 'queue-full' });
  for (let part = 0; part < 7; part++) room.add(-1, 7);
  expect(room.refusal(1)).toBeUndefined();
});

it('is exact whatever the number of places, so that it does not drift however long it is used', () => {
  for (let places = 2; places < 40; places++) {
    // So many that float64 would be off by more than the tolerance when fractions of them are added up.
    const room = new WaitingRoom(1e12);
    for (let part = 0; part < places; part++) room.add(1e12 - 1, places);
    expect(room.refusal(1)).toBeUndefined();
    expect(room.refusal(2)).toMatchObject({ code: 'queue-full' });
    for (let part = 0; part < places; part++) room.add(1 - 1e12, places);
    expect(room.rows).toBe(0);
  }
});
