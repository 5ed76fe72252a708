import { EmbeddingOps } from './embedding.ts';

/** Recurrent networks and attention. */
export class SequenceOps extends EmbeddingOps {}
