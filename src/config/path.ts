/** Where something stands in the file: keys and list positions, from the outside in. */
export type Path = readonly (string | number)[]

/** `backends.text.memory.gpu0`, `routes[2].to`, `backends.text.process.env["A B"]`. */
export function formatPath(path: Path): string {
  return path.map(formatStep).join('').replace(/^\./, '')
}

/** Whether `outer` is `inner` or has it inside. */
export function isWithin(inner: Path, outer: Path): boolean {
  return outer.every((step, index) => step === inner[index])
}

function formatStep(step: string | number): string {
  if (typeof step === 'number') return `[${step}]`
  return /^[\w$-]+$/.test(step) ? `.${step}` : `[${JSON.stringify(step)}]`
}
