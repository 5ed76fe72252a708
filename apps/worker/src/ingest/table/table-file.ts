/** One file that holds rows; `label` is what a person calls it. */
export type TableFile = {
  path: string;
  label: string;
  format: 'csv' | 'json' | 'parquet';
  /** From a file called train, validation or test, where several come together. */
  split?: 'train' | 'validation' | 'test';
};
