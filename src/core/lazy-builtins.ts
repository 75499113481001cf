/**
 * Modules of Node that a start does without. Importing `node:http` by name loads the whole of `fetch` and `WebSocket` too, 35 ms in each process;
 * `node:tls` and `node:https` take 15 ms.
 */

export const nodeHttp = (): typeof import('node:http') => process.getBuiltinModule('node:http')
export const nodeHttps = (): typeof import('node:https') => process.getBuiltinModule('node:https')
export const nodeTls = (): typeof import('node:tls') => process.getBuiltinModule('node:tls')
