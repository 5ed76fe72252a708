import {
  createJob,
  type Operation,
  operations,
  planJob,
  problem,
  trainSpec,
} from '@vanda/contracts';
import { z } from 'zod';
import { apiPrefix } from './operation-path.ts';

type Json = Record<string, unknown>;

/** OpenAPI 3.1 of the management API, derived from the contracts: nothing is written twice. */
export function openApiDocument(publicUrl: string, version: string): Json {
  const schemas = new Schemas();
  const paths: Record<string, Json> = {};
  for (const operation of Object.values(operations) as Operation[]) {
    const path = `${apiPrefix}${operation.path.replaceAll(/:([a-zA-Z]+)/g, '{$1}')}`;
    paths[path] = {
      ...paths[path],
      [operation.method.toLowerCase()]: describe(operation, schemas),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Vanda',
      version,
      description: 'Bring data, get a trained model, call it at a URL.',
      license: { name: 'Apache 2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: publicUrl }],
    security: [{ key: [] }, { session: [] }],
    tags: [...new Set(Object.values(operations).map(tagOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: {
        key: { type: 'http', scheme: 'bearer', description: 'An API key, vnd_...' },
        session: { type: 'apiKey', in: 'cookie', name: 'session', description: 'The dashboard’s.' },
      },
      schemas: schemas.all,
    },
  };
}

function describe(operation: Operation, schemas: Schemas): Json {
  const parameters = [
    ...parametersOf('path', operation.params, schemas),
    ...parametersOf('query', operation.query, schemas),
    ...(operation.idempotent ? [idempotencyKey] : []),
  ];
  return {
    operationId: operation.id,
    summary: operation.summary,
    tags: [tagOf(operation)],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(operation.body === undefined
      ? {}
      : {
          requestBody: {
            required: !operation.body.safeParse(undefined).success,
            content: { 'application/json': { schema: bodyOf(operation, schemas) } },
          },
        }),
    responses: {
      ...answersOf(operation, schemas),
      default: {
        description: 'Problem details (RFC 9457)',
        content: { 'application/problem+json': { schema: schemas.use(problem, 'output') } },
      },
    },
  };
}

/** Specs are parsed by hand, for their pointers; described they are as what they are parsed with. */
function bodyOf(operation: Operation, schemas: Schemas): Json {
  const withSpec = [createJob.id, planJob.id] as string[];
  const body = withSpec.includes(operation.id)
    ? z.strictObject({ spec: trainSpec })
    : operation.body;
  return schemas.use(body as z.ZodType, 'input');
}

function answersOf(operation: Operation, schemas: Schemas): Json {
  if (operation.answers === 'redirect') {
    const headers = { Location: { schema: { type: 'string', format: 'uri' } } };
    return { '302': { description: 'To a signed URL', headers } };
  }
  if (operation.answers === 'events') {
    const content = { 'text/event-stream': { schema: { type: 'string' } } };
    return { '200': { description: 'Server-Sent Events; resume with Last-Event-ID', content } };
  }
  const content = { 'application/json': { schema: schemas.use(operation.reply, 'output') } };
  return { [String(operation.status ?? 200)]: { description: operation.summary, content } };
}

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  required: false,
  description: 'The same key answers the same create again instead of doing it twice.',
  schema: { type: 'string', maxLength: 255 },
};

function parametersOf(where: 'path' | 'query', object: Operation['params'], schemas: Schemas) {
  return Object.entries(object?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: where,
    required: where === 'path' || !(schema as z.ZodType).safeParse(undefined).success,
    schema: schemas.use(schema as z.ZodType, 'input'),
  }));
}

function tagOf(operation: Pick<Operation, 'id'>): string {
  return operation.id.split('.')[0] ?? operation.id;
}

/** Collects schemas that have a name under /components/schemas. */
class Schemas {
  readonly all: Record<string, Json> = {};

  use(schema: z.ZodType, io: 'input' | 'output'): Json {
    const { $schema: _, $defs, ...own } = z.toJSONSchema(schema, { io, unrepresentable: 'any' });
    const definitions = ($defs ?? {}) as Record<string, Json>;
    // What a caller may leave out is there in answers: such a schema has two shapes and two names.
    const names = new Map<string, string>();
    for (const [id, definition] of Object.entries(definitions)) {
      names.set(id, this.#nameFor(id, definition, io));
    }
    for (const [id, definition] of Object.entries(definitions)) {
      this.all[names.get(id) ?? id] = rename(withoutId(definition), names) as Json;
    }
    const { id } = own as { id?: unknown };
    const renamed = rename(withoutId(own as Json), names) as Json;
    if (typeof id !== 'string') return renamed;
    const name = this.#nameFor(id, own as Json, io);
    this.all[name] = renamed;
    return { $ref: `#/components/schemas/${name}` };
  }

  #nameFor(id: string, definition: Json, io: 'input' | 'output'): string {
    const before = this.all[id];
    if (before === undefined || io === 'output') return id;
    return JSON.stringify(before) === JSON.stringify(withoutId(definition)) ? id : `${id}Input`;
  }
}

function withoutId({ id: _, ...rest }: Json): Json {
  return rest;
}

function rename(value: unknown, names: Map<string, string>): unknown {
  if (Array.isArray(value)) return value.map((part) => rename(part, names));
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => {
      if (key !== '$ref' || typeof part !== 'string') return [key, rename(part, names)];
      const id = part.slice('#/$defs/'.length);
      return [key, `#/components/schemas/${names.get(id) ?? id}`];
    }),
  );
}
