const OWN = new Set(['/metrics', '/healthz', '/readyz', '/gatehouse'])

/** Whether a normalised path is one of the gateway's own: no backend ever sees it, whatever the method or spelling. */
export function isOwnPath(path: string): boolean {
  return OWN.has(path) || path.startsWith('/gatehouse/')
}
