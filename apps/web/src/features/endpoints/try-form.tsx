import type { ModelSignature } from '@vanda/contracts';
import { TryPicture } from './try-picture.tsx';
import { TryRow } from './try-row.tsx';
import type { Asked } from './use-prediction.ts';

interface Props {
  signature: ModelSignature;
  asked: Asked;
}

/** What a model takes, as a form: a picture or a row. */
export function TryForm({ signature, asked }: Props) {
  const { input, output } = signature;
  return input.kind === 'picture' ? (
    <TryPicture asked={asked} size={input.size} channels={input.channels} />
  ) : (
    <TryRow asked={asked} fields={input.fields} output={output} />
  );
}
