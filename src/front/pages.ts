import { createHash } from 'node:crypto'
import type { BackendStatus } from '../backends/backend.js'
import type { Workload } from '../config/config.js'
import type { OwnAnswer } from '../routing/face.js'
import type { Answer, Answers } from './context.js'
import { escapeHtml } from './html.js'
import { PAGE_SCRIPT } from './page-script.js'
import { PAGE_STYLE } from './page-style.js'
import { whole } from './reply.js'

/** What the page tells of one backend. */
export interface ShownBackend
  extends Pick<BackendStatus, 'name' | 'launcher' | 'state' | 'reason'> {
  readonly serves: readonly Workload[]
}

export interface PageFacts {
  /** The text backend whose own page comes in place of this one, once it is ready; undefined: nobody serves text. */
  readonly opens: string | undefined
  readonly backends: readonly ShownBackend[]
}

/** In place of the text backend's own pages, while that is down. */
export const PAGE_STAND_INS: Answers = [['page', standIn()]]

/** Nothing is loaded from anywhere, and nothing runs but what stands in the page; others may not frame its button. */
const POLICY = [
  "default-src 'none'",
  `script-src ${hashOf(PAGE_SCRIPT)}`,
  `style-src ${hashOf(PAGE_STYLE)}`,
  "connect-src 'self'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join('; ')

/**
 * The gateway's own page: what is configured, how it is, and a button that starts it. 200 whoever asks, as a KoboldCpp
 * answers here: clients that look whether somebody is there (DrawThings, SillyTavern) want no more than that.
 */
export function startPage(facts: PageFacts): OwnAnswer {
  const page = whole('text/html; charset=utf-8', html(facts))
  const headers = {
    ...page.headers,
    'content-security-policy': POLICY,
    'x-content-type-options': 'nosniff',
    'referrer-policy': 'no-referrer',
  }
  return { ...page, headers }
}

function standIn(): Answer {
  return ({ config, facts, pool }) => {
    const serves = new Map(config.backends.map((backend) => [backend.name, backend.serves]))
    const backends = pool
      .statuses()
      .map((status) => ({ ...status, serves: serves.get(status.name) ?? [] }))
    return startPage({ opens: facts.textModels[0], backends })
  }
}

function html({ opens, backends }: PageFacts): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Gatehouse</title>
<link rel="icon" href="data:,">
<style>${PAGE_STYLE}</style>
<noscript><meta http-equiv="refresh" content="5"></noscript>
</head>
<body>
<main${opens === undefined ? '' : ` data-opens="${escapeHtml(opens)}"`}>
<h1>Gatehouse</h1>
<p>${lead(opens)}</p>
${backends.length > 0 ? table(backends) : '<p>No backend is configured in routes.json.</p>'}
<p id="note" role="status"></p>
<noscript><p>The buttons need JavaScript; without it a request for its work starts a backend.</p></noscript>
</main>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`
}

function lead(opens: string | undefined): string {
  if (opens === undefined)
    return 'No backend here serves text, so there is no user interface to show.'
  return (
    `The text backend <b>${escapeHtml(opens)}</b> is not running. Its own page opens here as soon as it is; ` +
    'a request for text starts it too.'
  )
}

function table(backends: readonly ShownBackend[]): string {
  return `<table>
<thead><tr><th scope="col">Backend</th><th scope="col">For</th><th scope="col">State</th><td></td></tr></thead>
<tbody>
${backends.map(row).join('\n')}
</tbody>
</table>`
}

// The button is the script's to show; the link only leads to what runs, since the raw door would start the rest.
function row({ name, serves, launcher, state, reason }: ShownBackend): string {
  const label = launcher === 'external' ? 'Look again' : 'Start'
  const safe = escapeHtml(name)
  return (
    `<tr data-backend="${safe}" data-state="${state}"><th scope="row">${safe}</th><td>${serves.join(', ')}</td>` +
    `<td><span class="state">${state}</span> <span class="reason">${escapeHtml(reason)}</span></td>` +
    `<td><button type="button" aria-label="${label} ${safe}" hidden>${label}</button>` +
    `<a href="/gatehouse/backends/${safe}/"${state === 'ready' ? '' : ' hidden'}>Own page</a></td></tr>`
  )
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
