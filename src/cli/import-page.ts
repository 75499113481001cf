/** The fidelity report as one page that needs nothing else: no script, no font, no picture. */
import type { EntityFidelity, FidelityReport } from '../config/formats/kong/fidelity.ts'
import type { Fidelity } from '../config/formats/kong/types.ts'

const FIDELITIES: readonly Fidelity[] = ['exact', 'approximated', 'unsupported']
const MARKS: Readonly<Record<Fidelity, string>> = { exact: '✔', approximated: '≈', unsupported: '✖' }

/** A whole HTML document. */
export function renderReportPage(report: FidelityReport): string {
  const kinds = [...Map.groupBy(report.details, ({ kind }) => kind)]
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Fidelity of ${escaped(report.file)}</title>
<style>${STYLE}</style>
</head>
<body>
<header>
<h1>Fidelity of <code>${escaped(report.file)}</code></h1>
<p>How well each thing of a Kong file is carried over by <code>turnpike import</code>.</p>
</header>
<main>
${summary(report)}
${kinds.map(([kind, entities]) => section(kind, entities)).join('\n')}
<section aria-labelledby="always">
<h2 id="always">For every request</h2>
<p>These differ whatever the file says.</p>
<ul>${report.always.map(({ fidelity, reason }) => `<li>${badge(fidelity)} ${code(reason)}</li>`).join('')}</ul>
</section>
</main>
</body>
</html>
`
}

function summary({ entities, fields }: FidelityReport): string {
  const row = (name: string, counts: Readonly<Record<Fidelity, number>>): string =>
    `<tr><th scope="row">${name}</th>${FIDELITIES.map((fidelity) => `<td class="${counts[fidelity] === 0 ? 'none' : fidelity}">${counts[fidelity]}</td>`).join('')}</tr>`
  return `<div class="scroll" tabindex="0" role="group" aria-label="Counts"><table class="counts">
<caption>In all</caption>
<thead><tr><td></td>${FIDELITIES.map((fidelity) => `<th scope="col">${badge(fidelity)}</th>`).join('')}</tr></thead>
<tbody>${row('entities', entities)}${row('fields', fields)}</tbody>
</table></div>`
}

function section(kind: string, entities: readonly EntityFidelity[]): string {
  const id = `kind-${kind.replaceAll(/\W/g, '-')}`
  const differing = entities.filter(({ fidelity }) => fidelity !== 'exact')
  const exact = entities.filter(({ fidelity }) => fidelity === 'exact')
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${escaped(kind)} <span class="tally">${exact.length} of ${entities.length} exact</span></h2>
${differing.map((entity) => article(entity, true)).join('\n')}
${exact.length === 0 ? '' : `<details${differing.length === 0 ? '' : ''}><summary>${badge('exact')} ${exact.length} carried exactly</summary>${exact.map((entity) => article(entity, false)).join('\n')}</details>`}
</section>`
}

function article({ entity, line, fidelity, reasons, fields }: EntityFidelity, isOpen: boolean): string {
  const shown = fields.filter((field) => field.reasons.length > 0)
  const exact = fields.filter((field) => field.fidelity === 'exact').map(({ field }) => `<code>${escaped(field)}</code>`)
  const items = shown.map(
    (field) =>
      `<li><div><code>${escaped(field.field)}</code> <span class="line">line ${field.line}</span><br>${badge(field.fidelity)}</div><div>${field.reasons.map((reason) => `<p>${code(reason)}</p>`).join('')}</div></li>`,
  )
  const list = items.length === 0 ? '' : `<ul class="fields">${items.join('')}</ul>`
  const whole = reasons.map((reason) => `<p>${code(reason)}</p>`).join('')
  const rest = exact.length === 0 ? '' : `<p class="exact-fields">Exact: ${exact.join(' ')}</p>`
  return `<article><h3>${isOpen ? `${badge(fidelity)} ` : ''}${escaped(entity)} <span class="line">line ${line}</span></h3>${whole}${list}${rest}</article>`
}

function badge(fidelity: Fidelity): string {
  return `<span class="badge ${fidelity}"><span aria-hidden="true">${MARKS[fidelity]}</span> ${fidelity}</span>`
}

/** Text in which `…` is code. */
function code(text: string): string {
  return escaped(text).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}

const STYLE = `
:root{color-scheme:light dark;--back:#fff;--face:#1b1f24;--soft:#57606a;--edge:#d0d7de;--panel:#f6f8fa;--exact:#116329;--approximated:#7d4e00;--unsupported:#a40e26}
@media (prefers-color-scheme:dark){:root{--back:#0f1419;--face:#e6edf3;--soft:#9aa5b1;--edge:#30363d;--panel:#161c23;--exact:#56d364;--approximated:#e3b341;--unsupported:#ff8078}}
*{box-sizing:border-box}
body{margin:0;background:var(--back);color:var(--face);font:16px/1.5 system-ui,sans-serif}
header,main{max-width:62rem;margin:0 auto;padding:0 1rem}
header{padding-top:2rem}
main{padding-bottom:4rem}
h1{font-size:1.6rem;margin:0}
h1,h2,h3,p,li{overflow-wrap:anywhere}
header p{margin:.25rem 0 1.5rem;color:var(--soft)}
h2{font-size:1.2rem;margin:2.5rem 0 .75rem;padding-bottom:.3rem;border-bottom:1px solid var(--edge)}
h3{font-size:1rem;margin:0;font-weight:600}
code{font:.875em ui-monospace,Menlo,Consolas,monospace;overflow-wrap:anywhere}
.tally,.line{color:var(--soft);font-weight:400;font-size:.875rem;white-space:nowrap}
article{border:1px solid var(--edge);border-radius:8px;padding:.75rem 1rem;margin:.75rem 0;background:var(--panel)}
article p{margin:.5rem 0 0}
.exact-fields{color:var(--soft);font-size:.875rem}
.exact-fields code{margin-right:.5rem}
.badge{font-size:.8125rem;font-weight:600;white-space:nowrap;border:1px solid currentColor;border-radius:999px;padding:.05rem .55rem}
.exact{color:var(--exact)}.approximated{color:var(--approximated)}.unsupported{color:var(--unsupported)}.none{color:var(--soft)}
.scroll{overflow-x:auto;margin-top:.5rem}
table{border-collapse:collapse}
.counts caption{text-align:left;font-weight:600;padding-bottom:.25rem}
.counts th,.counts td{padding:.35rem .9rem;text-align:right;border-bottom:1px solid var(--edge)}
.counts th[scope=row]{text-align:left;padding-left:0}
.counts tbody td{font-size:1.15rem;font-weight:600;font-variant-numeric:tabular-nums}
.fields{list-style:none;margin:.5rem 0 0;padding:0;font-size:.9375rem}
.fields li{display:grid;grid-template-columns:minmax(12rem,1fr) 3fr;gap:0 1.5rem;padding:.5rem 0;border-top:1px solid var(--edge)}
.fields p{margin:0 0 .25rem}
.fields .badge{display:inline-block;margin-top:.25rem}
@media (max-width:40rem){.fields li{grid-template-columns:1fr;gap:.35rem}.counts th,.counts td{padding:.35rem .3rem}.counts .badge{font-size:.75rem;border:0;padding:0}}
summary{cursor:pointer;padding:.25rem 0}
:focus-visible{outline:2px solid var(--approximated);outline-offset:2px}
@media print{details>*{display:block}}
`
