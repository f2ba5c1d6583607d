// Ends with 0 if the address answers with 2xx within three seconds, else with 1: for images without curl.
const [address] = process.argv.slice(2)

try {
  const { ok, status } = await fetch(address, { signal: AbortSignal.timeout(3_000) })
  if (!ok) console.error(`${address} answers ${status}`)
  process.exitCode = ok ? 0 : 1
} catch (error) {
  console.error(`${address} does not answer: ${error.cause?.code ?? error.message}`)
  process.exitCode = 1
}
