import { readFile } from 'node:fs/promises'
import { type Loaded, type LoadOptions, loadConfig, type NotLoaded } from '../config/load.ts'

/** Loads a text as the file of a name that it is going to have: what it names is looked for beside it. */
export function loadText(file: string, text: string, options: LoadOptions): Promise<Loaded | NotLoaded> {
  return loadConfig([file], { ...options, readFile: (path) => (path === file ? Promise.resolve(text) : readFile(path, 'utf8')) })
}
