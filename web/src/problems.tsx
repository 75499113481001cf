import type { ConfigProblem } from './api.ts'

interface Props {
  readonly problems: readonly ConfigProblem[]
  /** Goes to where it is; absent where there is nothing to go to. */
  readonly onGo?: (problem: ConfigProblem) => void
}

/** What is wrong with a configuration, each with line and column. */
export function Problems({ problems, onGo }: Props) {
  if (problems.length === 0) return null
  return (
    <ul class="problems">
      {problems.map((problem, i) => (
        <li key={i}>
          <span class={`badge ${problem.severity === 'error' ? 'bad' : 'warn'}`}>{problem.severity}</span>
          {onGo === undefined ? (
            <code>
              {problem.file}:{problem.line}:{problem.column}
            </code>
          ) : (
            <button type="button" class="link" onClick={() => onGo(problem)}>
              line {problem.line}, column {problem.column}
            </button>
          )}
          <span>{problem.message}</span>
        </li>
      ))}
    </ul>
  )
}
