import { Controller, Delete, Get, Module, Post, Req, Res, type Type } from '@nestjs/common';
import { type Operation, operations } from '@vanda/contracts';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OperationAnswers } from './answer-operation.ts';
import type { Handler, Handlers } from './handler.ts';
import { apiPrefix } from './operation-path.ts';

const methods = { GET: Get, POST: Post, DELETE: Delete };

/**
 * One Nest controller a noun with one route an operation. Node strips types and runs no decorator syntax, so the
 * decorators are called as the functions that they are.
 *
 * @throws where an operation has no handler: such a server does not boot.
 */
export function operationsModule(handlers: Handlers, answers: OperationAnswers): Type {
  const nouns = Map.groupBy(Object.entries(operations) as [keyof Handlers, Operation][], (entry) =>
    (entry[1].id.split('.')[0] ?? '').toLowerCase(),
  );
  const missing = Object.keys(operations).filter(
    (name) => typeof handlers[name as keyof Handlers] !== 'function',
  );
  if (missing.length > 0) throw new Error(`Operations without a handler: ${missing.join(', ')}.`);
  const controllers = [...nouns].map(([noun, entries]) => {
    const controller = { [noun]: class {} }[noun] as Type;
    for (const [name, operation] of entries) {
      addRoute(controller, name, operation, handlers[name] as Handler<Operation>, answers);
    }
    Controller(apiPrefix.slice(1))(controller);
    return controller;
  });
  class OperationsModule {}
  Module({ controllers })(OperationsModule);
  return OperationsModule;
}

function addRoute(
  controller: Type,
  name: string,
  operation: Operation,
  handler: Handler<Operation>,
  answers: OperationAnswers,
): void {
  const route: PropertyDescriptor = {
    value: (request: FastifyRequest, reply: FastifyReply) =>
      answers.answer(operation, handler, request, reply),
    writable: true,
    configurable: true,
  };
  const { prototype } = controller;
  Object.defineProperty(prototype, name, route);
  methods[operation.method](operation.path)(prototype, name, route);
  Req()(prototype, name, 0);
  Res()(prototype, name, 1);
}
