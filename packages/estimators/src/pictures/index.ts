/** Pictures without the engine: what ingest needs to look at them as training will. */
export { decodePicture, inspectPicture, type PictureFacts, pixelsMax } from './decode-picture.ts';
export { readShards } from './read-shards.ts';
export { thumbnailOf } from './thumbnail.ts';
