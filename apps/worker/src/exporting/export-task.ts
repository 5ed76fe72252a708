import type { ExportFormat, ParityReport } from '@vanda/contracts';
import type { SampleSource } from '@vanda/estimators';

/** What the process of one export is told, all of it on the local disk. */
export interface ExportTask {
  /** A folder with model.json and weights.safetensors. */
  artifact: string;
  /** Files of the model's data set, and which of their items are to be compared on; null where it was imported. */
  data: SampleSource | null;
  format: ExportFormat;
  /** An existing folder. */
  outDir: string;
}

export interface ExportResult {
  /** The one file, or the archive of several. */
  path: string;
  report: ParityReport;
}
