import type { Logger } from '../core/observe.ts'

function ignore(): void {}

/** For commands that say all they have to say themselves. */
export const SILENT_LOG: Logger = { info: ignore, warn: ignore, error: ignore }
