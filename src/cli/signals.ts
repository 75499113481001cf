import { constants } from 'node:os'

type StopSignal = 'SIGTERM' | 'SIGINT'

export interface SignalHandlers {
  /** Called on SIGHUP. */
  readonly reload: () => void
  /** Called on SIGUSR2. */
  readonly reopenLogs: () => void
  /** Called on the second SIGTERM or SIGINT, right before the process ends. */
  readonly kill: () => void
}

export interface Signals {
  /** Resolved by the first SIGTERM or SIGINT. */
  readonly stopped: Promise<StopSignal>
  /** Goes back to what signals do by themselves. */
  forget(): void
}

/** Listens to signals: the first SIGTERM or SIGINT asks for an end in peace, the second ends the process at once with 128 + its number. */
export function listenToSignals({ reload, reopenLogs, kill }: SignalHandlers): Signals {
  const stopped = Promise.withResolvers<StopSignal>()
  let isStopping = false
  const onStop = (signal: StopSignal): void => {
    if (isStopping) {
      kill()
      process.exit(128 + constants.signals[signal])
    }
    isStopping = true
    stopped.resolve(signal)
  }
  process.on('SIGTERM', onStop).on('SIGINT', onStop).on('SIGHUP', reload).on('SIGUSR2', reopenLogs)
  return {
    stopped: stopped.promise,
    forget: () => void process.off('SIGTERM', onStop).off('SIGINT', onStop).off('SIGHUP', reload).off('SIGUSR2', reopenLogs),
  }
}
