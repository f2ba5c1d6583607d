/** What KoboldCpp lets other origins do (kobold-wire 7); pages that worked with it work with us. */
export const CORS_HEADERS: Readonly<Record<string, string>> = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': '*',
  'access-control-allow-headers':
    '*, Accept, Content-Type, Content-Length, Cache-Control, Accept-Encoding, Client-Agent, Authorization, ' +
    'X-Requested-With, apikey, genkey',
  'cache-control': 'no-store',
}
