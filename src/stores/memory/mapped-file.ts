import { closeSync, fstatSync, openSync, readlinkSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'

/** The same numbers on Linux, macOS and the BSDs. */
const PROT_READ_WRITE = 3
const MAP_SHARED = 1
const MAP_FAILED = 0xffff_ffff_ffff_ffffn

const MMAP = { arguments: ['pointer', 'u64', 'i32', 'i32', 'i32', 'i64'], return: 'pointer' } as const
const MUNMAP = { arguments: ['pointer', 'u64'], return: 'i32' } as const
const FALLOCATE = { arguments: ['i32', 'i32', 'i64', 'i64'], return: 'i32' } as const

type Ffi = typeof import('node:ffi')

/** The calls of the system that this takes; Node has none of its own for memory that processes share. */
interface SystemCalls {
  readonly ffi: Ffi
  readonly mmap: (address: bigint, bytes: bigint, protection: number, flags: number, fd: number, offset: bigint) => bigint
  readonly munmap: (address: bigint, bytes: bigint) => number
  /** Null where there is none: outside Linux. */
  readonly fallocate: ((fd: number, mode: number, offset: bigint, bytes: bigint) => number) | null
}

/** Undefined before the first look. */
let known: SystemCalls | null | undefined

/** Whether files can be mapped here. */
export function canMapFiles(): boolean {
  known ??= loadSystemCalls()
  return known !== null
}

/** A file as memory. Its pages are those of every process that maps it. */
export class MappedFile {
  readonly #calls: SystemCalls
  readonly #path: string
  readonly #fd: number
  readonly #mapped: { readonly address: bigint; readonly bytes: bigint }[] = []

  /** Throws when the file is not there, is not of this size, or where {@link canMapFiles} says no. */
  constructor(path: string, bytes: number) {
    known ??= loadSystemCalls()
    if (known === null) throw new Error('files cannot be mapped here')
    this.#calls = known
    this.#path = path
    this.#fd = openSync(path, 'r+')
    const { size } = fstatSync(this.#fd)
    if (size === bytes) return
    closeSync(this.#fd)
    throw new Error(`${path} has ${size} bytes instead of ${bytes}`)
  }

  /**
   * Maps a part.
   * @param offset a multiple of the page size
   * @throws when there is no room for it: a page that cannot be had would otherwise kill the process when it is first written
   */
  map(offset: number, bytes: number): ArrayBuffer {
    const { ffi, mmap } = this.#calls
    if (!this.#reserve(offset, bytes))
      throw new Error(`there is no room for ${Math.ceil(bytes / 1e6)} MB of limits in ${folderOf(this.#path)}`)
    const address = mmap(0n, BigInt(bytes), PROT_READ_WRITE, MAP_SHARED, this.#fd, BigInt(offset))
    if (address === MAP_FAILED) throw new Error(`${this.#path} cannot be mapped`)
    this.#mapped.push({ address, bytes: BigInt(bytes) })
    return ffi.toArrayBuffer(address, bytes, false)
  }

  /** Takes the room from the file system now; leaves what is written as it is. */
  #reserve(offset: number, bytes: number): boolean {
    const { fallocate } = this.#calls
    if (fallocate !== null && fallocate(this.#fd, 0, BigInt(offset), BigInt(bytes)) === 0) return true
    // This system or file system has no such call, or there is no room.
    const { bavail, bsize } = statfsSync(this.#path)
    return bavail * bsize > bytes
  }

  /** Gives the memory back. Nobody may touch a buffer of this file any more: that would end the process. */
  close(): void {
    for (const { address, bytes } of this.#mapped.splice(0)) this.#calls.munmap(address, bytes)
    closeSync(this.#fd)
  }
}

/** Where a file lies, also one that has lost its name and is reached through `/proc`. */
function folderOf(path: string): string {
  try {
    return dirname(readlinkSync(path))
  } catch {
    return dirname(path)
  }
}

function loadSystemCalls(): SystemCalls | null {
  try {
    const ffi = withoutItsWarning(() => process.getBuiltinModule('node:ffi'))
    if (ffi === undefined) return null
    const { mmap, munmap } = ffi.dlopen(null, { mmap: MMAP, munmap: MUNMAP }).functions
    return { ffi, mmap, munmap, fallocate: loadFallocate(ffi) }
  } catch {
    // Built without it, not permitted, or a system that has no mmap.
    return null
  }
}

function loadFallocate(ffi: Ffi): SystemCalls['fallocate'] {
  try {
    return ffi.dlopen(null, { fallocate: FALLOCATE }).functions.fallocate
  } catch {
    return null
  }
}

/** An operator can do nothing about its being experimental: where it is not there, the limits are split between the workers. */
function withoutItsWarning<T>(load: () => T): T {
  const emitWarning = Object.getOwnPropertyDescriptor(process, 'emitWarning') ?? {}
  process.emitWarning = () => {}
  try {
    return load()
  } finally {
    Object.defineProperty(process, 'emitWarning', emitWarning)
  }
}
