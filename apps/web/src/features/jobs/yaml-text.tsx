import { stringify } from 'yaml';
import { CodeBlock } from '../../ui/code-block.tsx';

export default function YamlText({ value, what }: { value: unknown; what: string }) {
  return <CodeBlock text={stringify(value)} what={what} />;
}
