/** argv to command. Each command is loaded when it is called, so that `--help` and `check` do not wait for what `start` needs. */
import { Argument, Command, CommanderError, Option } from 'commander'
import { readVersion } from './version.ts'

/** What a command answers: the exit status. */
type Run = () => Promise<number>

const EXIT_USAGE = 2
const SKIP_UNSUPPORTED = 'of a Kong file, leave out what cannot be carried over, with a warning each'
const ADMIN_URL_DEFAULT = 'http://127.0.0.1:9901'

function buildProgram(run: (command: Run) => void): Command {
  const program = new Command('turnpike')
    .description('An API gateway: one entry point in front of many services.')
    .version(readVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand(false)
    .showSuggestionAfterError()
    .showHelpAfterError('\nSee turnpike --help.')
    .exitOverride()
    .addHelpText(
      'after',
      `
A source is a file (YAML or JSON, or TypeScript that exports
defineGateway({ … }), or one of Kong's), or a key or prefix/ in a store:
etcd://host:2379/turnpike/, consul://host:8500/turnpike/ or
kubernetes://namespace/configmap. Several are read as one configuration.
docs/sources.md says the rest.

Exit status: 0 all is well, 1 the configuration is wrong, 2 the command was
called wrongly.

Examples:
  turnpike start turnpike.yaml
  turnpike check turnpike.yaml
  turnpike explain turnpike.yaml GET https://shop.example/users/7 -H 'X-Beta: 1'
  turnpike why 4f1c0a92-6f0e-4c53-9c6e-2f1f7a0b8d3e
  turnpike openapi turnpike.yaml > openapi.yaml
  turnpike import kong.yml -o turnpike.yaml --verify
  turnpike hash password < password.txt
  turnpike schema > turnpike.schema.json`,
    )
  program
    .command('start')
    .summary('run the gateway')
    .description('Runs the gateway until SIGTERM or SIGINT. The configuration is loaded again when a source changes and on SIGHUP.')
    .argument('<sources...>', 'configuration files, or stores')
    .option(
      '--state-dir <folder>',
      'where the last good configuration of stores is kept (default: TURNPIKE_STATE_DIR, or a folder of the user)',
    )
    .option('--skip-unsupported', SKIP_UNSUPPORTED)
    .action((sources: string[], options: StartFlags) => run(async () => (await import('./start.ts')).startCommand(sources, options)))
  program
    .command('check')
    .summary('find mistakes in a configuration')
    .description('Reads a configuration and says all that is wrong with it, each with document, line and column, without running it.')
    .argument('<sources...>', 'configuration files, or stores')
    .option('--skip-unsupported', SKIP_UNSUPPORTED)
    .action((sources: string[], { skipUnsupported = false }: KongFlags) =>
      run(async () => (await import('./check.ts')).checkCommand(sources, skipUnsupported)),
    )
  program
    .command('explain')
    .summary('say what would happen to a request')
    .description(
      'Says which route a request takes and why not another, what each policy does to it, and where it goes. Sends nothing to a service, and ' +
        'counts nothing; keys and user records that policies go by are fetched.',
    )
    .argument('<source>', 'configuration file, or store')
    .argument('<method>', 'method, such as GET')
    .argument('<url>', 'URL, or a path alone')
    .option('-H, --header <header>', 'a header as `Name: value`; may be given several times', collect)
    .option('--from <address>', 'address the request comes from (default: 192.0.2.1)')
    .option('--json', 'print it as JSON')
    .option('--skip-unsupported', SKIP_UNSUPPORTED)
    .action((source: string, method: string, url: string, { header = [], from, json = false, skipUnsupported = false }: ExplainFlags) =>
      run(async () => (await import('./explain.ts')).explainCommand(source, method, url, { header, from, json, skipUnsupported })),
    )
  program
    .command('why')
    .summary('say why a past request was answered as it was')
    .description(
      'Asks a running gateway for the decision record of a request: its route and what came near, each policy with its verdict, each try of a ' +
        'service. The token is that of --token-file, of TURNPIKE_ADMIN_TOKEN, or what a gateway on this machine has left for its user.',
    )
    .argument(
      '<request-id>',
      'the id of the request: X-Request-ID of its response (X-Kong-Request-Id with a Kong file), `requestId` in the access log',
    )
    .option('--admin <url>', 'the admin listener', ADMIN_URL_DEFAULT)
    .option('--token-file <file>', 'a file that holds the admin token')
    .option(
      '--if <header>',
      'what would be different with this header, `Name: value`, or without it, `Name:`; may be given several times',
      collect,
    )
    .option('--json', 'print it as JSON')
    .action((requestId: string, { admin, tokenFile, if: headers = [], json = false }: WhyFlags) =>
      run(async () => (await import('./why.ts')).whyCommand(requestId, { admin, tokenFile, if: headers, json })),
    )
  program
    .command('openapi')
    .summary('describe the REST APIs that routes offer')
    .description(
      'Prints an OpenAPI 3.1 document of all routes whose policies offer another protocol as REST. Asks a service where only it knows what it offers.',
    )
    .argument('<sources...>', 'configuration files, or stores')
    .option('--route <name>', 'describe this route alone')
    .option('--json', 'print it as JSON, not as YAML')
    .action((sources: string[], { route, json = false }: OpenApiFlags) =>
      run(async () => (await import('./openapi.ts')).openApiCommand(sources, { route, json })),
    )
  program
    .command('import')
    .summary('turn a Kong file into the native form')
    .description(
      'Prints a Kong file in the native form, with comments that say where each thing comes from, and a report on how well each is carried over. ' +
        'What cannot be carried is an error: nothing is written.',
    )
    .argument('<file>', "one of Kong's declarative files, YAML or JSON")
    .option('-o, --output <file>', 'where the native form goes (default: standard output, and the report to standard error)')
    .addOption(new Option('--report <form>', 'the form of the report').choices(['text', 'json', 'html']).default('text'))
    .option('--report-file <file>', 'where the report goes')
    .option('--skip-unsupported', SKIP_UNSUPPORTED)
    .option('--verify', 'run generated requests through both forms in this process, and compare what they come to')
    .option('--force', 'write over files that are there')
    .action((file: string, options: ImportFlags) =>
      run(async () => {
        const { skipUnsupported = false, verify = false, force = false, ...rest } = options
        return (await import('./import.ts')).importCommand(file, { ...rest, skipUnsupported, verify, force })
      }),
    )
  program
    .command('schema')
    .summary('print the JSON Schema for editors')
    .description('Prints the JSON Schema (2020-12) of configuration files, for editors and other tools.')
    .action(() => run(async () => (await import('./schema.ts')).schemaCommand()))
  program
    .command('hash')
    .summary('hash a key or a password')
    .description('Reads a secret from standard input, or asks for it, and prints the line to write into a credential of a consumer.')
    .addArgument(new Argument('<kind>', 'what it is').choices(['key', 'password']))
    .action((kind: 'key' | 'password') => run(async () => (await import('./hash.ts')).hashCommand(kind)))
  return program
}

interface KongFlags {
  readonly skipUnsupported?: boolean
}

interface ImportFlags extends KongFlags {
  readonly output?: string
  readonly report: 'text' | 'json' | 'html'
  readonly reportFile?: string
  readonly verify?: boolean
  readonly force?: boolean
}

interface StartFlags extends KongFlags {
  readonly stateDir?: string
}

interface ExplainFlags extends KongFlags {
  readonly header?: string[]
  readonly from?: string
  readonly json?: boolean
}

interface WhyFlags {
  readonly admin: string
  readonly tokenFile?: string
  readonly if?: string[]
  readonly json?: boolean
}

interface OpenApiFlags {
  readonly route?: string
  readonly json?: boolean
}

function collect(value: string, before: string[] | undefined): string[] {
  return [...(before ?? []), value]
}

/** Runs one command line. @returns the exit status */
export async function runCommandLine(argv: readonly string[]): Promise<number> {
  const chosen: Run[] = []
  const program = buildProgram((command) => void chosen.push(command))
  try {
    await program.parseAsync(argv, { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : EXIT_USAGE
  }
  const [command] = chosen
  return command === undefined ? EXIT_USAGE : command()
}
