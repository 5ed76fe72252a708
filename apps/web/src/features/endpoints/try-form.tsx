import type { ModelSignature } from '@vanda/contracts';
import { TryPicture } from './try-picture.tsx';
import { TryRow } from './try-row.tsx';
import { TryTensors } from './try-tensors.tsx';
import type { Asked } from './use-prediction.ts';

interface Props {
  signature: ModelSignature;
  asked: Asked;
}

/** What a model takes, as a form: a picture, a row or tensors. */
export function TryForm({ signature, asked }: Props) {
  const { input, output } = signature;
  switch (input.kind) {
    case 'picture':
      return <TryPicture asked={asked} size={input.size} channels={input.channels} />;
    case 'row':
      return <TryRow asked={asked} fields={input.fields} output={output} />;
    case 'tensors':
      return <TryTensors asked={asked} fields={input.tensors} />;
  }
}
