import { BadInput, type Call, HangUp } from './call.js'
import { forever } from './misbehave.js'
import { pause } from './pause.js'
import { findRoute, type Route } from './routes.js'

const NOT_FOUND =
  'Error: HTTP Server is running, but this endpoint does not exist. Please check the URL.'

/** Answers one request in KoboldCpp's order: method, size, key, lock, body. Resolves when the answer has left. */
export async function dispatch(call: Call): Promise<void> {
  const { request, reply, engine } = call
  const { method, path } = request
  if (engine.misbehaviour.answersNothing) await forever()
  if (method === 'OPTIONS' || method === 'HEAD') return await reply.empty(200)
  if (method !== 'GET' && method !== 'POST')
    return await reply.pythonError(501, `Unsupported method ('${method}')`)
  if (request.isTooBig) return await badInput(call, 'Payload is too big. Max payload size is 32MB.')
  const route = findRoute(method, path)
  if (route) return await answer(call, route)
  if (method === 'GET') return await reply.text(NOT_FOUND, 'text/html', 404)
  await locked(call, () => answerUnknownPost(call))
}

async function answer(call: Call, route: Route): Promise<void> {
  if (route.isKeyed && !hasKey(call)) return await unauthorized(call)
  if (!route.locks) return await handle(call, route)
  await locked(call, async () => {
    await call.engine.misbehaviour.beforeGeneration()
    await handle(call, route)
  })
}

async function locked({ reply, engine }: Call, work: () => Promise<void>): Promise<void> {
  const turn = engine.lock.enter()
  if (!turn) {
    const msg = 'Server is busy; please try again later.'
    return await reply.json({ detail: { msg, type: 'service_unavailable' } }, 503)
  }
  const leave = await turn
  try {
    // Runs even where the client left while it waited: KoboldCpp does not look.
    engine.running = work()
    await engine.running
  } finally {
    leave()
  }
}

async function handle(call: Call, route: Route): Promise<void> {
  try {
    await route.handle(call)
  } catch (error) {
    if (error instanceof BadInput) await badInput(call, 'Error parsing input.')
    else if (error instanceof HangUp) call.reply.drop()
    else throw error
  }
}

async function answerUnknownPost({ reply }: Call): Promise<void> {
  await pause(50)
  await reply.empty(404)
}

async function badInput({ reply }: Call, msg: string): Promise<void> {
  await reply.json({ detail: { msg, type: 'bad_input' } }, 500)
}

async function unauthorized({ reply }: Call): Promise<void> {
  const msg = 'Authentication key is missing or invalid.'
  await reply.json({ detail: { error: 'Unauthorized', msg, type: 'unauthorized' } }, 401)
}

function hasKey({ request, engine }: Call): boolean {
  const { password } = engine.options
  return password === '' || request.headers.get('authorization') === `Bearer ${password}`
}
