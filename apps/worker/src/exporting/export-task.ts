import type { ExportFormat, ParityReport } from '@vanda/contracts';
import type { SampleSource } from '@vanda/estimators';

/** What the process of one export is told, all of it on the local disk. */
export interface ExportTask {
  /** A folder with model.json and weights.safetensors. */
  artifact: string;
  /** Files of the data set that the model learned from, and what else says which of its items are to be compared on. */
  data: SampleSource;
  format: ExportFormat;
  /** An existing folder. */
  outDir: string;
}

export interface ExportResult {
  /** The one file, or the archive of several. */
  path: string;
  report: ParityReport;
}
