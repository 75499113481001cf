const POLL_MS = 500

/**
 * Calls back once when the process that started us is gone. npm hands a signal to the shell between it and a script, and the shell ends
 * without handing it on: without this the script, and what it started, would go on alone.
 */
export function onParentGone(callback: () => void): void {
  const parent = process.ppid
  const timer = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(timer)
    callback()
  }, POLL_MS)
  timer.unref()
}
