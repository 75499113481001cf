/** Methods of Node's Buffer that its type package leaves out; they skip the encoding look-up of `toString` and `write`. */
interface Buffer {
  latin1Slice(start?: number, end?: number): string
  latin1Write(text: string, offset?: number, length?: number): number
}
