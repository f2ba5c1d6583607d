const SECRET_NAME = /pass(word|wd|phrase)|secret|token|(api|horde|auth|access)[-_]?key/i
/** `name=value`, `'name': 'value'` and `--name value`; a mere blank separates only behind an option. */
const SECRET_PAIR =
  /((?:pass(?:word|wd|phrase)|secret|token|(?:api|horde|auth|access)[-_]?key)\w*['"]?\s*[=:]\s*['"]?|--?[\w-]*(?:pass(?:word|wd|phrase)|secret|token|(?:api|horde|auth|access)[-_]?key)[\w-]*\s+['"]?)([^\s'",)]+)/gi
const HIDDEN = '***'
/** A shorter value masked everywhere would eat ordinary words. */
const SHORTEST_LITERAL = 4
/** Within quotes a folder may have blanks in its name, such as a user's on Windows. */
const QUOTED_PATH = /(['"])(?:[A-Za-z]:)?[\\/][^'"\n]*[\\/]([^'"\\/\n]+)\1/g
const PATH = /(?:[A-Za-z]:)?(?:[\\/][^\s\\/:*?"'<>|]+)+[\\/]([^\s\\/:*?"'<>|]+)/g

/** What may hold secrets when a backend is started. */
export interface CommandWords {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string | undefined>>
  /** Known to be secret, whatever they are called. */
  readonly secrets?: readonly string[]
}

/** Makes a function that hides the passwords, tokens and keys of a command in any text. */
export function createMask(words: CommandWords): (text: string) => string {
  const literals = secretValues(words)
    .filter((value) => value.length >= SHORTEST_LITERAL)
    .sort((a, b) => b.length - a.length) // one may begin with another
  return (text) => {
    let masked = text
    for (const value of literals) masked = masked.replaceAll(value, HIDDEN)
    return masked.replace(SECRET_PAIR, `$1${HIDDEN}`)
  }
}

function secretValues({ args, env, secrets = [] }: CommandWords): string[] {
  const fromArgs = args.flatMap((arg, at) => {
    if (!arg.startsWith('-') || !SECRET_NAME.test(arg)) return []
    const equals = arg.indexOf('=')
    return [equals < 0 ? (args[at + 1] ?? '') : arg.slice(equals + 1)]
  })
  const fromEnv = Object.entries(env).flatMap(([name, value]) =>
    SECRET_NAME.test(name) ? [value ?? ''] : [],
  )
  return [...fromArgs, ...fromEnv, ...secrets]
}

/** Cuts file paths in a text to their last part: a client need not know where things lie. */
export function cutPaths(text: string): string {
  return text.replace(QUOTED_PATH, '$1$2$1').replace(PATH, '$1')
}
