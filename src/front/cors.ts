/**
 * What KoboldCpp lets other origins do (kobold-wire 7); pages that worked with it work with us, and see who answered.
 * Access-Control-Allow-Private-Network is not among it, as it is not there: no browser ever demanded it (they ask the
 * user instead), and whether a page of the internet may reach into a home is the user's to say, not ours.
 */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': '*',
  'access-control-allow-headers':
    '*, Accept, Content-Type, Content-Length, Cache-Control, Accept-Encoding, Client-Agent, Authorization, ' +
    'X-Requested-With, apikey, genkey',
  'access-control-expose-headers': 'X-Gatehouse-Backend, X-Request-Id, Retry-After',
  'cache-control': 'no-store',
}
