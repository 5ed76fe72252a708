export { ClientError } from './client-error.ts';
export { type Client, createClient } from './create-client.ts';
export type { EventOptions, ServerEvent } from './events.ts';
export type { PutPart } from './put-part.ts';
export type { CallOptions, ClientOptions } from './transport.ts';
export { type UploadOptions, uploadFile } from './upload-file.ts';
export { blobSource, type UploadSource } from './upload-source.ts';
export { hasEnded, waitForIngest, waitForJob } from './wait.ts';
