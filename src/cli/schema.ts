import { editorJsonSchema } from '../config/json-schema.ts'
import { loadSchemas } from '../config/load.ts'
import { POLICIES } from '../policies/index.ts'

/** `turnpike schema`: the JSON Schema of configuration files on standard output. @returns the exit status */
export async function schemaCommand(): Promise<number> {
  process.stdout.write(`${JSON.stringify(editorJsonSchema(await loadSchemas(POLICIES)), null, 2)}\n`)
  return 0
}
