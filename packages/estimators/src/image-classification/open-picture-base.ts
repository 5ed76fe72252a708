import { type RetrainModel, VandaError } from '@vanda/contracts';
import { type Base, EngineError, type Node, openBase } from '@vanda/engine';

/**
 * Opens the base of a retraining for pictures [N, size, size, channels] of u8, which its placeholder `image` takes.
 *
 * @throws VandaError invalid-spec where it takes something else, or not pictures of this size; bad-data where it is damaged.
 */
export async function openPictureBase(
  folder: string,
  { base, layer, input }: RetrainModel,
  seed: number,
): Promise<Base> {
  const { size, channels } = input;
  let own: Node | undefined;
  try {
    return await openBase(folder, {
      layer,
      seed,
      feed(front, inputs) {
        const [[name, taken] = ['', undefined], another] = Object.entries(inputs);
        own = taken;
        if (taken?.dtype !== 'u8' || taken.shape.length !== 4 || another !== undefined) {
          throw refused('/model/base', `${base} does not take pictures of bytes.`);
        }
        return { [name]: front.placeholder('image', [null, size, size, channels], 'u8') };
      },
    });
  } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    if (error.code === 'unknown_name') throw refused('/model/layer', `${base}: ${error.message}.`);
    const ownSize = own?.shape[1];
    if (own !== undefined && ownSize !== size && error.code !== 'corrupt_file') {
      throw refused(
        '/model/input/size',
        `${base} does not take pictures of ${size} pixels: leave the size out for its own, ${ownSize}, or cut it at an earlier layer (${error.message}).`,
      );
    }
    throw new VandaError('bad-data', `${base} cannot be opened: ${error.message}.`, undefined, {
      cause: error,
    });
  }
}

function refused(pointer: string, message: string): VandaError {
  return new VandaError('invalid-spec', `${pointer}: ${message}`, [{ pointer, message }]);
}
