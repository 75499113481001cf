/** What `npm run example -- grpc-transcoding` starts and shows. */
import { startService } from './service.ts'

export const startServices = (): Promise<() => void> => startService()

export function commands(url: string): readonly (readonly [string, string])[] {
  const book = '{"title":"Middlemarch","authors":["George Eliot"],"isbn":"9780141439549","genre":"NOVEL"}'
  return [
    [`curl -i ${url}/v1/shelves/fiction/books/moby-dick`, 'GetBook: the path becomes a field'],
    [`curl -i '${url}/v1/shelves/science/books?page_size=1&filter.genres=SCIENCE'`, 'ListBooks: the query becomes fields, nested ones too'],
    [`curl -i ${url}/v1/shelves/fiction/books --json '${book}'`, 'CreateBook: the body becomes a field'],
    [`curl -i ${url}/v1/shelves/fiction/books/none`, 'a status becomes a problem document'],
    [`curl -i ${url}/v1/shelves/fiction/books --json '{"pages":7}'`, 'refused before the service sees it'],
    [`curl -i -N ${url}/v1/shelves/science/books:watch`, 'WatchBooks: a line for each message, when it comes'],
    [`curl -i -N ${url}/v1/shelves/science/books:watch -H 'Accept: text/event-stream'`, 'the same as server-sent events'],
    ['bin/turnpike openapi examples/grpc-transcoding/turnpike.yaml', 'what there is, as OpenAPI'],
  ]
}
