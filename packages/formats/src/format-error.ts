/** A file of another tool that cannot be taken: what of it, and why. `field` says where in the file. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly format: string;
  readonly field: string;
  readonly sentence: string;

  constructor(format: string, field: string, sentence: string) {
    super(`${format}: ${field}: ${sentence}`);
    this.format = format;
    this.field = field;
    this.sentence = sentence;
  }
}
