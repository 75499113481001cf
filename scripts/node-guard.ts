/** Imported first by every script: says in one sentence what is wrong when the Node that runs it is too old. */
const [major] = process.versions.node.split('.')
if (Number(major) < 26) {
  process.stderr.write(
    `Turnpike needs Node 26 or later and this is ${process.versions.node}: run \`npm start\` or \`npm test\`, which bring it.\n`,
  )
  process.exit(1)
}
