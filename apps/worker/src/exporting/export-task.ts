import type { ExportFormat, ParityReport } from '@vanda/contracts';

/** What the process of one export is told, all of it on the local disk. */
export interface ExportTask {
  /** A folder with model.json and weights.safetensors. */
  artifact: string;
  /** A file of the data set that the model learned from. */
  dataFile: string;
  format: ExportFormat;
  /** An existing folder. */
  outDir: string;
}

export interface ExportResult {
  /** The one file, or the archive of several. */
  path: string;
  report: ParityReport;
}
