// The built gateway beside a real card, as a child process.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const MODEL = resolve('test/gpu/model.py')

/** A backend that holds so many GiB; with `asChild` in a child of its own child, as a script would start it. */
export function model(gib, { asChild = false, ...settings }) {
  const python = ['python3', MODEL, '${port}', String(gib)]
  const [command, ...args] = asChild ? ['sh', '-c', '"$@" & wait', 'sh', ...python] : python
  return { dialect: 'openai', startTimeout: '3m', process: { command, args }, ...settings }
}

export async function startGateway(folder, config) {
  mkdirSync(folder, { recursive: true })
  const file = join(folder, 'routes.json')
  writeFileSync(file, JSON.stringify(config))
  const args = [
    'dist/main.js',
    '--config',
    file,
    '--state-dir',
    join(folder, 'state'),
    '--port',
    '0',
  ]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = []
  let rest = ''
  child.stdout.on('data', (chunk) => {
    const parts = (rest + chunk).split('\n')
    rest = parts.pop()
    lines.push(...parts.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line)))
  })
  const find = () => lines.map(({ msg }) => /listening at (http:\S+)/.exec(msg)?.[1]).find(Boolean)
  while (!find()) await sleep(20)
  const url = find()
  return {
    ...{ url, lines, pid: child.pid },
    said: (part) => lines.some(({ msg }) => msg.includes(part)),
    ask: (backend, body = {}, path = '/v1/chat/completions') => ask(url, backend, { body, path }),
    status: async () => (await fetch(`${url}/gatehouse/api/status`)).json(),
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    stop: (signal = 'SIGTERM') => {
      child.kill(signal)
      return child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined
    },
  }
}

async function ask(url, backend, { body, path }) {
  const begun = performance.now()
  const reply = await fetch(`${url}/${backend}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await reply.text()
  return { status: reply.status, text, ms: Math.round(performance.now() - begun) }
}
