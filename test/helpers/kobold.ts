import type { Test } from 'tap'
import type { Gateway } from './gateway.js'
import { enter } from './patience.js'
import { post } from './raw-client.js'
import { type Received, startProxied } from './upstream.js'

const VERSION = 'HTTP/1.0 200 OK\r\n\r\n{"result":"KoboldCpp","llm":true,"txt2img":true}'
export const DONE = 'HTTP/1.0 200 OK\r\n\r\n{"success":"true","done":"true"}'
export const UNKNOWN = 'HTTP/1.0 200 OK\r\n\r\n{"success":"false","done":"false"}'
export const ANSWER = 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}'

export type Members = Readonly<Record<string, unknown>>
/** The members of a JSON body. */
export const membersOf = ({ body }: Received) => JSON.parse(String(body)) as Members

/** A KoboldCpp that answers nothing but its version and aborts, until the test does. */
export async function startKobold(t: Test, backend: object = {}, says = () => DONE) {
  const [asked, aborts]: [Received[], Received[]] = [[], []]
  const onRequest = (request: Received) => {
    const { path, socket } = request
    if (path === '/api/extra/version' || path === '/') return void socket.end(VERSION)
    if (path !== '/api/extra/abort') return void asked.push(request)
    aborts.push(request)
    socket.end(says())
  }
  const settings = { dialect: 'koboldcpp', serves: ['text', 'image'], concurrency: 1, ...backend }
  const { gateway } = await startProxied(t, onRequest, { probe: 'none', backend: settings })
  const [status] = [() => gateway.app.pool.statuses()[0]]
  return {
    ...{ gateway, asked, aborts },
    send: async (path: string, body: object) => {
      const client = await enter(t, gateway)
      client.socket.write(post(path, JSON.stringify(body)))
      return client
    },
    waiting: () => status()?.waiting,
    inFlight: () => status()?.inFlight,
  }
}

/** How the requests that are over ended, in that order. */
export const outcomes = ({ logged }: Gateway) =>
  logged.filter((line) => 'outcome' in line).map((line) => line.outcome)
