import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium, type Page } from 'playwright-core'
import type { Test } from 'tap'

const CHROMIUM = '/usr/bin/chromium'

/** Why there is no browser to test with; false: there is one. */
export const noBrowser: string | false =
  !existsSync(CHROMIUM) && `no ${CHROMIUM}; on Debian: apt-get install chromium`

let browser: Promise<Browser> | undefined

/** An empty page of a browser without a window, which all tests of a file share; closed when the test ends. */
export async function openPage(t: Test): Promise<Page> {
  browser ??= chromium.launch({
    executablePath: CHROMIUM,
    args: ['--no-sandbox', '--disable-gpu'],
  })
  const page = await (await browser).newPage()
  t.teardown(() => page.close())
  return page
}

/** Ends the browser, if there is one. */
export async function closeBrowser(): Promise<void> {
  await (await browser)?.close()
}

/** The address of a page with this script, of an origin (and a site) of its own. */
export async function startElsewhere(t: Test, script: string): Promise<string> {
  const server = createServer((_request, reply) => {
    reply.setHeader('content-type', 'text/html')
    reply.end(`<!doctype html><title>Elsewhere</title><script>${script}</script>`)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://localhost:${(server.address() as AddressInfo).port}/`
}
