/** What Node refuses to write as a reason phrase; a client may ignore any (RFC 9112 4). */
const PLAIN_REASON = /^[\x20-\x7e]*$/
const ODD_REASON = /[^\t\x20-\x7e\x80-\xff]/

/** Undici reads a reason phrase as UTF-8: its bytes, one character each; none where they are lost. */
export function asReceived(reason: string): string {
  if (PLAIN_REASON.test(reason)) return reason
  const bytes = Buffer.from(reason, 'utf8').toString('latin1')
  return ODD_REASON.test(bytes) || reason.includes('\ufffd') ? '' : bytes
}
