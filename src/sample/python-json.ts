/** Writes JSON as Python's json.dumps does: ASCII only, a space after each comma and colon. */
export function pythonJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(pythonJson).join(', ')}]`
  if (value === null || typeof value !== 'object') return scalar(value)
  const members = Object.entries(value).map(([key, member]) => {
    return `${scalar(key)}: ${pythonJson(member)}`
  })
  return `{${members.join(', ')}}`
}

function scalar(value: unknown): string {
  return JSON.stringify(value ?? null).replace(/[\u0080-\uffff]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
