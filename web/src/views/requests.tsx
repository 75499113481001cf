import { RequestList } from './requests/list.tsx'
import { RequestRecord } from './requests/record.tsx'
import { LiveTap } from './requests/tap.tsx'

const LIVE = /^\?live(?:&|$)/

/** Requests that were served: those whose records are kept, those that finish now, and one record. @param rest a query, or the id of a request */
export function Requests({ rest }: { readonly rest: string }) {
  if (rest !== '' && !rest.startsWith('?')) return <RequestRecord key={rest} id={rest} />
  const isLive = LIVE.test(rest)
  const query = isLive ? rest.replace(LIVE, '') : rest.slice(1)
  return (
    <>
      <nav class="tabs" aria-label="Requests">
        <a href={`#/requests?${query}`} aria-current={isLive ? undefined : 'page'}>
          Records
        </a>
        <a href={`#/requests?live&${query}`} aria-current={isLive ? 'page' : undefined}>
          Live
        </a>
      </nav>
      {isLive ? <LiveTap key={query} query={query} /> : <RequestList query={query} />}
    </>
  )
}
