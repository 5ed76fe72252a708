import type { StateTable } from './machine.ts';

export type EndpointState = 'active' | 'deleted';
export type EndpointEvent = 'deploy' | 'rollback' | 'delete';
export const endpointTable: StateTable<EndpointState, EndpointEvent> = {
  active: { deploy: 'active', rollback: 'active', delete: 'deleted' },
  deleted: {},
};
