export { diskObjectRoutes } from './disk/disk-object-routes.ts';
export { DiskObjectStore } from './disk/disk-store.ts';
export { isObjectKey, keyLayout, keyPrefixes } from './key-layout.ts';
export {
  isObjectStoreError,
  ObjectStoreError,
  type ObjectStoreReason,
} from './object-store-error.ts';
export { type ObjectStoreConfig, openObjectStore } from './open-object-store.ts';
export {
  type ArrivedPart,
  type ByteRange,
  type CompletedUpload,
  multipartLimits,
  type ObjectBody,
  type ObjectHead,
  type ObjectStore,
  type PartRequest,
  type SignedPart,
  type StoredObject,
} from './port.ts';
