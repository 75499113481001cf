/** Whose token is in use. */
import { computed, signal } from '@preact/signals'
import { object, oneOf, type Shaped, text } from './shape.ts'

export const callerShape = object({ name: text, role: oneOf('read', 'write') })

/** Null until the gateway has said so; api.ts and live.ts ask it. */
export const caller = signal<Shaped<typeof callerShape> | null>(null)

/** Whether the token may change something. False until the gateway has said so, so that nothing is offered that it would refuse. */
export const mayWrite = computed(() => caller.value?.role === 'write')
