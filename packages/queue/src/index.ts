export {
  type Consumer,
  type ConsumerOptions,
  consume,
  type Handled,
  type Handler,
} from './consumer.ts';
export { openSender, type QueueSender, type SenderOptions } from './sender.ts';
