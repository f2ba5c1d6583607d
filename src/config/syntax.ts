import { createScanner, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser'
import { ConfigError, type Fault } from './config-error.js'
import { Document, placeAt, shorten } from './document.js'

/** Far more than a routes.json needs, far less than the parser's stack holds. */
const MAX_DEPTH = 100

/** `SyntaxKind.EOF` of jsonc-parser, whose enum exists for its types only. */
const END_OF_FILE = 17

const DEPTH_CHANGE: Readonly<Record<string, number>> = { '{': 1, '[': 1, '}': -1, ']': -1 }

const EXPECTED: Readonly<Record<string, string>> = {
  InvalidSymbol: 'a value (texts stand in double quotes)',
  InvalidNumberFormat: 'a number',
  PropertyNameExpected: 'a key in double quotes',
  ValueExpected: 'a value',
  ColonExpected: 'a colon',
  CommaExpected: 'a comma',
  CloseBraceExpected: 'a closing }',
  CloseBracketExpected: 'a closing ]',
  EndOfFileExpected: 'nothing more after the closing }',
  UnexpectedEndOfComment: 'a closing */',
  UnexpectedEndOfString: 'a closing double quote',
  UnexpectedEndOfNumber: 'a digit',
  InvalidUnicode: 'four hexadecimal digits after \\u',
  InvalidEscapeCharacter: 'an escape like \\n or \\\\ (Windows paths need \\\\ or /)',
  InvalidCharacter: 'no control characters in a text',
}

/** Reads JSON with comments and trailing commas. Throws a ConfigError with every syntax fault. */
export function parseDocument(source: string, file: string): Document {
  const text = source.replace(/^\uFEFF/, '')
  const tooDeep = findTooDeep(text)
  if (tooDeep !== undefined) throw new ConfigError([depthFault(text, tooDeep, file)])
  const errors: ParseError[] = []
  const root = parseTree(text, errors, { allowTrailingComma: true })
  if (root !== undefined && errors.length === 0) return new Document(text, root)
  if (errors.length === 0) throw new ConfigError([emptyFault(file)])
  const first = errors.filter(({ offset }, i) => errors.findIndex((e) => e.offset === offset) === i)
  throw new ConfigError(first.map((error) => syntaxFault(text, error, file)))
}

function syntaxFault(text: string, { error, offset, length }: ParseError, file: string): Fault {
  const token = text.slice(offset, offset + length).trim()
  const found = token === '' ? 'the end of the file' : `\`${shorten(token)}\``
  const expected = EXPECTED[printParseErrorCode(error)] ?? 'JSON'
  return { file, ...placeAt(text, offset), path: '', found, expected }
}

function depthFault(text: string, offset: number, file: string): Fault {
  const found = `more than ${MAX_DEPTH} objects and lists within each other`
  return { file, ...placeAt(text, offset), path: '', found, expected: 'fewer levels' }
}

function emptyFault(file: string): Fault {
  const expected = 'an object'
  return { file, line: 1, column: 1, path: '', found: 'nothing', expected, hint: '{} will do' }
}

/** Where the text nests deeper than the parser, which calls itself at each level, is asked to go. */
function findTooDeep(text: string): number | undefined {
  const scanner = createScanner(text, true)
  let depth = 0
  // Its length does not tell the end: behind a comment that is never closed, the end of the file has one.
  while (scanner.scan() !== END_OF_FILE) {
    depth += DEPTH_CHANGE[text.charAt(scanner.getTokenOffset())] ?? 0
    if (depth > MAX_DEPTH) return scanner.getTokenOffset()
  }
  return undefined
}
