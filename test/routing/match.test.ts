import fc from 'fast-check'
import t from 'tap'
import type { RouteConfig } from '../../src/config/config.js'
import { normalisePath } from '../../src/config/normalise-path.js'
import { createMatcher, type RoutedCall } from '../../src/routing/match.js'
import { upstreamPath } from '../../src/routing/upstream-path.js'

function route(path: string, rest: Partial<RouteConfig> = {}): RouteConfig {
  return {
    methods: [],
    headers: {},
    model: undefined,
    stripPrefix: false,
    timeouts: { headersMs: undefined, bodyIdleMs: undefined },
    bodies: undefined,
    to: { backend: 'b' },
    ...rest,
    path,
  }
}

function call(method: string, url: string, rest: Partial<RoutedCall> = {}): RoutedCall {
  return { method, path: normalisePath(url)!, headers: {}, ...rest }
}

const routedBy = (routes: RouteConfig[], request: RoutedCall) =>
  createMatcher(routes).match(request).route

t.test('a route comes before the built-in table, an earlier one before a later', async (t) => {
  const routes = [
    route('/sdapi/v1/interrogate', { to: { workload: 'text' } }),
    route('/sdapi/*', { to: { workload: 'image' } }),
    route('/sdapi/v1/txt2img', { to: { workload: 'music' } }),
  ]
  const matcher = createMatcher(routes)
  t.equal(matcher.match(call('POST', '/sdapi/v1/interrogate')).route, routes[0])
  t.equal(matcher.match(call('POST', '/sdapi/v1/txt2img')).route, routes[1])
  t.same(matcher.match(call('POST', '/sdapi/v1/txt2img')).to, { workload: 'image' })
  t.equal(matcher.match(call('POST', '/api/v1/generate')).route, undefined)
})

t.test('a prefix matches itself and all below, and nothing beside', async (t) => {
  const routes = [route('/a/*')]
  for (const url of ['/a', '/a/', '/a/b', '//a//b/c', '/%61/b', '/lcpp/a/b', '/a/b%2Fc']) {
    t.ok(routedBy(routes, call('GET', url)), url)
  }
  for (const url of ['/ab', '/ab/c', '/', '/b/a', '/A', '/a%2Fb', '/a..%2Fb/c'.slice(0, 4)]) {
    t.notOk(routedBy(routes, call('GET', url)), url)
  }
  t.ok(routedBy([route('/*')], call('GET', '/')))
  t.ok(routedBy([route('/*')], call('GET', '/x/y')))
})

t.test('an exact route matches that path alone, however it is spelt', async (t) => {
  t.ok(routedBy([route('/a/b/')], call('GET', '/a/b')))
  t.notOk(routedBy([route('/a/b')], call('GET', '/a/b/c')))
  t.ok(routedBy([route('/größe/my path')], call('GET', '/gr%C3%B6%c3%9Fe/my%20path')))
  t.ok(routedBy([route('/gr%C3%B6/%61')], call('GET', '/gr%c3%b6/a')))
})

t.test('methods and headers narrow a route', async (t) => {
  const routes = [route('/a', { methods: ['POST', 'PUT'], headers: { 'x-user': 'ann*' } })]
  t.ok(routedBy(routes, call('PUT', '/a', { headers: { 'x-user': 'anna' } })))
  t.ok(routedBy(routes, call('PUT', '/a', { headers: { 'x-user': ['bob', 'ann'] } })))
  t.notOk(routedBy(routes, call('GET', '/a', { headers: { 'x-user': 'anna' } })))
  t.notOk(routedBy(routes, call('PUT', '/a', { headers: { 'x-user': 'bob' } })))
  t.notOk(routedBy(routes, call('PUT', '/a')))
})

t.test('a model narrows a route, with or without koboldcpp/ in front', async (t) => {
  const coder = route('/v1/chat/completions', { model: 'qwen*' })
  const chat = (model?: string) => call('POST', '/v1/chat/completions', { model })
  t.ok(routedBy([coder], chat('qwen3')))
  t.ok(routedBy([coder], chat('koboldcpp/qwen3')))
  t.notOk(routedBy([coder], chat('llama')))
  t.notOk(routedBy([coder], chat()))
  t.ok(routedBy([route('/*', { model: 'koboldcpp/*' })], chat('koboldcpp/x')))
})

t.test('the model is needed only when it can decide', async (t) => {
  const matcher = createMatcher([
    route('/plain'),
    route('/posted', { methods: ['POST'], model: 'a' }),
    route('/*', { headers: { 'x-pick': '*' }, model: 'b' }),
  ])
  t.notOk(matcher.needsModel(call('POST', '/plain', { headers: { 'x-pick': '1' } })))
  t.ok(matcher.needsModel(call('POST', '/posted')))
  t.notOk(matcher.needsModel(call('GET', '/posted')))
  t.ok(matcher.needsModel(call('GET', '/posted', { headers: { 'x-pick': '1' } })))
  t.notOk(createMatcher([]).needsModel(call('POST', '/v1/chat/completions')))
})

t.test('a route says where, the built-in table how', async (t) => {
  const matcher = createMatcher([
    route('/api/*', { to: { workload: 'text' } }),
    route('/v1/*', { to: { backend: 'coder' } }),
  ])
  const facts = (method: string, path: string) => {
    const { wake, lane, idleOnly, caller } = matcher.match(call(method, path))
    return { wake, lane, idleOnly, caller }
  }
  const kobold = { idleOnly: false, caller: 'kobold' }
  t.match(facts('POST', '/api/v1/generate'), { ...kobold, wake: true, lane: true })
  t.match(facts('POST', '/api/extra/tokencount'), { ...kobold, wake: false, lane: false })
  t.match(facts('POST', '/api/unknown'), { ...kobold, wake: true, lane: true })
  t.match(facts('GET', '/api/unknown'), { ...kobold, wake: true, lane: false })
  t.match(facts('OPTIONS', '/api/v1/generate'), { wake: false, lane: false })
  t.match(facts('GET', '/v1/models'), { wake: true, lane: false, caller: 'openai' })
  t.match(facts('POST', '/v1/messages'), { wake: true, lane: true, caller: 'anthropic' })
  t.match(facts('OPTIONS', '/v1/messages'), { wake: false, lane: false })
})

t.test('the same match is shared by all requests and cannot be changed', async (t) => {
  const matcher = createMatcher([route('/a/*')])
  const match = matcher.match(call('GET', '/a/b'))
  t.equal(matcher.match(call('GET', '/a/c')), match)
  t.ok(Object.isFrozen(match))
  t.ok(Object.isFrozen(matcher.match(call('GET', '/b'))))
})

t.test('a path that no request can have is refused when the routes are prepared', async (t) => {
  for (const path of ['a', '/a/../b', '/a%zz', '/a?b', '/a#b', '']) {
    t.throws(() => createMatcher([route(path)]), RangeError, path)
  }
})

t.test('a cut prefix leaves the rest, its query and its trailing slash', async (t) => {
  const routes = [route('/comfy/*', { stripPrefix: true }), route('/*', { stripPrefix: true })]
  const matcher = createMatcher(routes)
  const cases = {
    '/comfy': '/',
    '/comfy/': '/',
    '/comfy?a=/b': '/?a=/b',
    '/comfy/prompt?x=1': '/prompt?x=1',
    '/comfy/page/?x=/': '/page/?x=/',
    '//%63omfy//a%2fb': '/a%2Fb',
    '/lcpp/comfy/a': '/a',
    '/other//as/it%20came/?q': '/other//as/it%20came/?q',
  }
  for (const [url, expected] of Object.entries(cases)) {
    const path = normalisePath(url)!
    t.equal(upstreamPath(url, path, matcher.match(call('GET', url))), expected, url)
  }
})

t.test('matching never throws, and a model that is not needed changes nothing', async () => {
  const text = fc.string({ maxLength: 10 })
  const routes = fc.array(
    fc.record({
      path: fc.constantFrom('/a/*', '/*', '/a', '/a/b', '/api/v1/*'),
      methods: fc.subarray(['GET', 'POST']),
      headers: fc.dictionary(fc.constantFrom('x', 'y', 'constructor'), text),
      model: fc.option(text, { nil: undefined }),
      to: fc.constant({ workload: 'text' } as const),
      stripPrefix: fc.boolean(),
      timeouts: fc.constant({ headersMs: undefined, bodyIdleMs: undefined }),
      bodies: fc.constant(undefined),
    }),
    { maxLength: 4 },
  )
  const calls = fc.record({
    method: fc.constantFrom('GET', 'POST', 'constructor'),
    path: fc.constantFrom('/', '/a', '/a/b', '/a/b/c', '/ab', '/__proto__', '/constructor'),
    headers: fc.dictionary(fc.constantFrom('x', 'y'), fc.oneof(text, fc.array(text))),
    model: fc.option(text, { nil: undefined }),
  })
  fc.assert(
    fc.property(routes, calls, (routes, call) => {
      const matcher = createMatcher(routes)
      const withModel = matcher.match(call)
      const without = matcher.match({ ...call, model: undefined })
      return matcher.needsModel(call) || withModel === without
    }),
    { numRuns: 500 },
  )
})
