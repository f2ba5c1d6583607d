/**
 * The script of the gateway's own page. It follows the states, starts what is clicked and nothing else, and loads the
 * page anew once the text backend is ready, whose own page then comes in its place.
 */
export const PAGE_SCRIPT = `
'use strict'
const BUSY = ['queued', 'starting', 'stopping']
const { opens } = document.querySelector('main').dataset
const note = document.querySelector('#note')
const rows = new Map()
let timer
let isLost = false

for (const row of document.querySelectorAll('[data-backend]')) {
  const { backend, state } = row.dataset
  rows.set(backend, row)
  row.querySelector('button').addEventListener('click', () => start(backend))
  show(row, state, row.querySelector('.reason').textContent)
}
void look()

async function look() {
  let isBusy = false
  try {
    const reply = await fetch('/gatehouse/api/status', { cache: 'no-store' })
    const { backends } = await reply.json()
    if (isOutdated(backends)) return location.reload()
    for (const { name, state, reason } of backends) show(rows.get(name), state, reason)
    isBusy = backends.some(({ state }) => BUSY.includes(state))
    if (isLost) say('')
    isLost = false
  } catch {
    isLost = true
    say('Gatehouse does not answer; this page goes on asking.')
  }
  clearTimeout(timer)
  timer = setTimeout(look, isBusy ? 300 : 2000)
}

function isOutdated(backends) {
  const isReady = backends.some(({ name, state }) => name === opens && state === 'ready')
  return isReady || backends.length !== rows.size || !backends.every(({ name }) => rows.has(name))
}

function show(row, state, reason) {
  row.dataset.state = state
  row.querySelector('.state').textContent = state
  row.querySelector('.reason').textContent = reason
  row.querySelector('a').hidden = state !== 'ready'
  const button = row.querySelector('button')
  button.hidden = state === 'ready'
  button.disabled = BUSY.includes(state)
}

async function start(name) {
  say('')
  try {
    const reply = await fetch('/gatehouse/api/backends/' + name + '/start', { method: 'POST' })
    if (!reply.ok) say((await reply.json()).detail.msg)
  } catch {
    say('Gatehouse does not answer; please try again.')
  }
  await look()
}

function say(text) {
  note.textContent = text
}
`
