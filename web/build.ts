/** Builds the dashboard to one HTML text without any other file. */
import { join } from 'node:path'
import { build } from 'vite'

/** The same text for the same sources. */
export async function buildDashboard(): Promise<string> {
  const result = await build({
    root: import.meta.dirname,
    configFile: false,
    logLevel: 'warn',
    oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
    build: {
      write: false,
      target: 'es2022',
      modulePreload: false,
      assetsInlineLimit: 1_000_000,
      rolldownOptions: { input: join(import.meta.dirname, 'index.html') },
    },
  })
  if (!('output' in result)) throw new Error('vite made no single output')
  let html = ''
  let script = ''
  let style = ''
  for (const item of result.output) {
    if (item.type === 'chunk') script += item.code
    else if (item.fileName.endsWith('.css')) style += String(item.source)
    else if (item.fileName.endsWith('.html')) html = String(item.source)
  }
  const plain = html.replace(/\s*<script[^>]*src=[^>]*><\/script>/g, '').replace(/\s*<link rel="stylesheet"[^>]*>/g, '')
  // A function, as the script may hold what `replace` takes for a pattern; `</script` would end the element.
  return plain
    .replace('</head>', () => `<style>${style.trim()}</style></head>`)
    .replace('</body>', () => `<script type="module">${script.trim().replaceAll('</script', '<\\/script')}</script></body>`)
}
