import { createHash } from 'node:crypto'
import t from 'tap'
import { type ShownBackend, startPage } from '../../src/front/pages.js'

const LLM: ShownBackend = {
  name: 'llm',
  serves: ['text', 'embeddings'],
  launcher: 'process',
  state: 'stopped',
  reason: 'not asked for yet',
}

const pageOf = (opens: string | undefined, ...backends: ShownBackend[]) =>
  String(startPage({ opens, backends }).body)

t.test('the page tells name, workloads, state and reason of every backend', async (t) => {
  const page = pageOf('llm', LLM, { ...LLM, name: 'art', serves: ['image'], state: 'ready' })
  t.match(page, /The text backend <b>llm<\/b> is not running/)
  t.match(page, '<th scope="row">llm</th><td>text, embeddings</td>')
  t.match(page, '<span class="state">stopped</span> <span class="reason">not asked for yet</span>')
  t.match(page, '<th scope="row">art</th><td>image</td>')
})

t.test('only to what runs is there a link, since the raw door would start the rest', async (t) => {
  const page = pageOf('llm', LLM, { ...LLM, name: 'art', state: 'ready' })
  t.match(page, '<a href="/gatehouse/backends/llm/" hidden>')
  t.match(page, '<a href="/gatehouse/backends/art/">')
})

t.test('what somebody else runs is not started but looked for again', async (t) => {
  t.match(pageOf('llm', LLM), '>Start</button>')
  t.match(pageOf('llm', { ...LLM, launcher: 'external' }), '>Look again</button>')
})

t.test('without a text backend, and without any, the page says so', async (t) => {
  t.match(pageOf(undefined, { ...LLM, serves: ['image'] }), 'No backend here serves text')
  t.match(pageOf(undefined), 'No backend is configured')
  t.notMatch(pageOf(undefined), 'data-opens')
})

t.test('what a name or a reason says stays text', async (t) => {
  const evil = `"'><img src=x onerror=alert(1)>&`
  const page = pageOf(evil, { ...LLM, name: evil, reason: evil })
  t.notMatch(page, '<img')
  t.notMatch(page, evil)
  t.match(page, '>&#34;&#39;&#62;&#60;img src=x onerror=alert(1)&#62;&#38;</th>')
})

t.test(
  'its policy allows its own script and style by their hashes, and nothing else',
  async (t) => {
    const { headers, body } = startPage({ opens: 'llm', backends: [LLM] })
    const policy = headers['content-security-policy'] ?? ''
    for (const [tag, directive] of [
      ['script', 'script-src'],
      ['style', 'style-src'],
    ]) {
      const found = [...String(body).matchAll(new RegExp(`<${tag}>(.*?)</${tag}>`, 'gs'))]
      t.equal(found.length, 1, `one ${tag}`)
      const hash = createHash('sha256').update(`${found[0]?.[1]}`).digest('base64')
      t.match(policy, `${directive} 'sha256-${hash}';`)
    }
    t.match(policy, /^default-src 'none'; /)
    t.notMatch(policy, 'unsafe')
    t.notMatch(String(body), /https?:|\son\w+=|style=/, 'nothing from outside, nothing inline')
  },
)
