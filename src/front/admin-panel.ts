import type { Config } from '../config/config.js'
import { GatehouseError } from '../errors.js'
import type { FaceCall, OwnAnswer } from '../routing/face.js'
import type { Answers, FaceContext } from './context.js'
import { json } from './reply.js'

/** What KoboldAI Lite's admin panel may do: 0 is nothing, so that it is not shown. */
export function adminLevel({ admin }: Config): 0 | 1 {
  return admin.switchTextModel ? 1 : 0
}

/** The calls of the admin panel; to it, the text backends are the configurations that a KoboldCpp can load. */
export const ADMIN: Answers = [['admin', administrate]]

async function administrate(context: FaceContext, call: FaceCall): Promise<OwnAnswer> {
  const isAllowed = adminLevel(context.config) > 0
  if (call.method === 'GET' && call.path.endsWith('/api/admin/list_options')) {
    return json(isAllowed ? textBackends(context.config) : [])
  }
  if (isAllowed && call.method === 'POST' && call.path.endsWith('/api/admin/reload_config')) {
    return json({ success: switchTo(wishIn(await call.body()), context) })
  }
  throw new GatehouseError('GATEHOUSE_NO_ROUTE')
}

/** Nothing is loaded or ended by it: the next request that names no model goes there, and starts it. */
function switchTo(name: unknown, { config, defaults }: FaceContext): boolean {
  if (typeof name !== 'string' || !textBackends(config).includes(name)) return false
  defaults.choose('text', name)
  return true
}

function textBackends({ backends }: Config): readonly string[] {
  return backends.filter(({ serves }) => serves.includes('text')).map(({ name }) => name)
}

/** Undefined: the body is no such wish. */
function wishIn(body: Buffer): unknown {
  try {
    const wish: unknown = JSON.parse(body.toString('utf8'))
    return typeof wish === 'object' && wish !== null && 'filename' in wish
      ? wish.filename
      : undefined
  } catch {
    return undefined // what cannot be read asks for nothing
  }
}
