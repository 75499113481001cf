/** One message as a parser understood it. */
export interface Message {
  /** The method of a request, the status of a response. */
  readonly subject: string
  readonly target: string
  readonly minorVersion: number
  /** Names in lower case and values, in turn, in the order of the message. */
  readonly fields: readonly string[]
  /** Null when the parser cannot know. */
  readonly keepAlive: boolean | null
  readonly upgrade: boolean
  /** As Latin-1. */
  body: string
  trailers: readonly string[]
  complete: boolean
}

/** What a parser made of some bytes. */
export interface Outcome {
  /** Those whose heads were accepted, the last one perhaps not complete. */
  readonly messages: Message[]
  /** Why it refused to go on; null when it did not. */
  fault: string | null
  /** What it would have refused at the next empty line, having looked at line breaks only of a head that is not whole; else null. */
  pending: string | null
  /** Whether it stopped reading because a message was the last one of its connection. */
  closed: boolean
}
