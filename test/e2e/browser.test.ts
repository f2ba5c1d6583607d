import type { Page } from 'playwright-core'
import t from 'tap'
import { closeBrowser, noBrowser, openPage, startElsewhere } from '../helpers/browser.js'
import { sample, startGateway } from '../helpers/gateway.js'

/** What the page elsewhere does: plain JavaScript, as the browser gets it. */
const CLIENT = `
const headers = { Authorization: 'Bearer key', 'Content-Type': 'application/json', 'Cache-Control': 'no-cache' }
const post = (url, body) => fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })

async function ask(method, url, body) {
  try {
    const reply = method === 'GET' ? await fetch(url) : await post(url, body)
    const text = await reply.text()
    return { status: reply.status, text }
  } catch (error) {
    return { failed: String(error) }
  }
}

async function stream(url, body, onChunk = () => {}) {
  const reader = (await post(url, body)).body.pipeThrough(new TextDecoderStream()).getReader()
  const chunks = []
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return chunks
    chunks.push(value)
    onChunk()
  }
}

async function streamAndAbort(door, body) {
  let aborted
  const abort = () => { aborted ??= ask('POST', door + '/api/extra/abort', { genkey: body.genkey }) }
  const chunks = await stream(door + '/api/extra/generate/stream', body, abort)
  return { text: chunks.join(''), aborted: await aborted }
}

async function leave(url, body) {
  const leaving = new AbortController()
  const reply = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body), signal: leaving.signal })
  await reply.body.getReader().read()
  leaving.abort()
  return reply.status
}
`

interface Asked {
  readonly status?: number
  readonly text?: string
  readonly failed?: string
}

t.teardown(closeBrowser)

const call = (page: Page, name: string, ...args: unknown[]) =>
  page.evaluate(`${name}(...${JSON.stringify(args)})`)

t.test('a page of another origin', { skip: noBrowser }, async (t) => {
  const gateway = await startGateway(t, {
    backends: {
      all: { ...sample('text,image,speech'), serves: ['text', 'image', 'speech'] },
    },
  })
  const page = await openPage(t)
  await page.goto(await startElsewhere(t, CLIENT))
  const door = gateway.url
  const ask = (...args: unknown[]) => call(page, 'ask', ...args) as Promise<Asked>

  await t.test('reads the errors of the door', async (t) => {
    const unknown = await ask('GET', `${door}/no/such/path`)
    t.equal(unknown.status, 404)
    t.match(JSON.parse(unknown.text ?? ''), { detail: { code: 'GATEHOUSE_NO_ROUTE' } })
    const down = await ask('POST', `${door}/api/extra/tokencount`, { prompt: 'one two' })
    t.equal(down.status, 503)
    t.match(JSON.parse(down.text ?? ''), { detail: { type: 'service_unavailable' } })
  })

  await t.test('can neither start a backend nor read the states', async (t) => {
    for (const [method, path] of [
      ['POST', 'backends/all/start'],
      ['GET', 'status'],
    ]) {
      t.match(await ask(method, `${door}/gatehouse/api/${path}`), { failed: /Failed to fetch/ })
    }
    const opaque = `fetch('${door}/gatehouse/api/backends/all/start', { method: 'POST', mode: 'no-cors' })`
    t.equal(await page.evaluate(`${opaque}.then(({ type }) => type)`), 'opaque')
    t.same(gateway.moves, [], 'a request that needs no leave of ours starts nothing either')
  })

  await t.test('asks for text with a key, whole and streamed', async (t) => {
    const body = { prompt: 'Call me', max_length: 5 }
    const whole = await ask('POST', `${door}/api/v1/generate`, body)
    t.match(JSON.parse(whole.text ?? ''), { results: [{ text: /\w/ }] })
    const chunks = await call(page, 'stream', `${door}/api/extra/generate/stream`, body)
    t.match((chunks as string[]).join(''), /event: message\ndata: .*"finish_reason": ?"length"/s)
  })

  await t.test('asks for pictures and voices', async (t) => {
    const picture = { prompt: 'a red fox', width: 64, height: 64 }
    const art = await ask('POST', `${door}/sdapi/v1/txt2img`, picture)
    t.match(JSON.parse(art.text ?? ''), { images: [/^iVBOR/] })
    t.equal((await ask('POST', `${door}/tts_to_audio/`, { text: 'Hello' })).status, 200)
    const speakers = await ask('GET', `${door}/speakers_list`)
    t.equal(speakers.status, 200)
    t.ok(Array.isArray(JSON.parse(speakers.text ?? '')))
  })

  await t.test('aborts its own text, and leaves', async (t) => {
    const long = { prompt: 'Call me', max_length: 100_000, genkey: 'KCPP1234' }
    const ended = await call(page, 'streamAndAbort', door, long)
    t.match(ended, {
      text: /"finish_reason"/,
      aborted: { status: 200, text: /"success": ?"true"/ },
    })
    t.equal(await call(page, 'leave', `${door}/api/extra/generate/stream`, long), 200)
  })
})

t.test(
  'our page starts the text backend at a click and gives way',
  { skip: noBrowser },
  async (t) => {
    const gateway = await startGateway(t, {
      backends: { llm: sample('text', ['--load-time', '300']), art: sample('image') },
    })
    const page = await openPage(t)
    const complaints: string[] = []
    page.on('pageerror', (error) => complaints.push(error.message))
    page.on('console', (line) => {
      // The sample backend's page has no icon, for which the browser asks.
      if (!line.location().url.endsWith('/favicon.ico')) complaints.push(line.text())
    })
    await page.goto(gateway.url)
    const rowOf = (name: string) => page.locator(`[data-backend=${name}]`)
    t.match(await rowOf('llm').innerText(), /llm\s+text\s+stopped/)
    t.match(await rowOf('art').innerText(), /art\s+image\s+stopped/)
    await page.waitForResponse(/gatehouse\/api\/status$/)
    t.same(gateway.moves, [], 'looking starts nothing')

    await rowOf('llm').getByRole('button', { name: 'Start' }).click()
    await page.locator('[data-backend=llm][data-state=starting]').waitFor()
    await page.getByText("Gatehouse's sample backend").waitFor()
    t.equal(page.url(), `${gateway.url}/`)
    const started = gateway.starts.map(({ backend }) => backend)
    t.same(started, ['llm'], 'and nothing else was started')
    t.same(complaints, [])
  },
)

t.test('our page shows why a start failed', { skip: noBrowser }, async (t) => {
  const gateway = await startGateway(t, {
    backends: { llm: sample('text', ['--exit-before-ready', '3']) },
  })
  const page = await openPage(t)
  await page.goto(gateway.url)
  const start = page.getByRole('button', { name: 'Start llm' })
  await start.click()
  await page.locator('[data-backend=llm][data-state=failed]').getByText('code 3').waitFor()
  await start.click()
  await page.getByRole('status').getByText('is tried again in').waitFor()
  t.equal(gateway.starts.length, 1)
})
