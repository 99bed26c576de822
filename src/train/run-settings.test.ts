import { expect, it, vi } from 'vitest';
import { smallImages, smallOptions } from '../../test/small-training.ts';
import { Trainer } from './trainer.ts';

it('the images are asked what they are once, and not before there is a checkpoint to read or to write', async () => {
  const images = await smallImages();
  const digest = vi.spyOn(images, 'digest');
  const open = async (trainer: Trainer, ...from: Parameters<Trainer['open']>) => {
    try {
      await trainer.open(...from);
      const asked = digest.mock.calls.length;
      return { asked, checkpoints: [await trainer.checkpoint(), await trainer.checkpoint()] };
    } finally {
      await trainer.close();
    }
  };
  try {
    const fresh = await open(new Trainer(smallOptions(images)));
    expect(fresh.asked).toBe(0);
    expect(digest).toHaveBeenCalledTimes(1);
    const resumed = await open(new Trainer(smallOptions(images)), fresh.checkpoints[1]);
    expect(resumed.asked).toBe(2);
    expect(digest).toHaveBeenCalledTimes(2);
    expect(resumed.checkpoints[0]?.settings).toEqual(fresh.checkpoints[0]?.settings);
  } finally {
    await images.close();
  }
});
