import { type Static, Type } from 'typebox'
import { BODIES, WORKLOADS } from './config.js'
import { TARGET_TITLE } from './formats.js'
import * as term from './terms.js'

const method = Type.String({
  pattern: '^[A-Za-z-]+$',
  title: 'an HTTP method like "POST"',
  examples: ['POST'],
})

const timeouts = Type.Object(
  {
    headers: Type.Optional(
      term.duration({
        description: 'How long the backend may take until its reply begins. 0: no limit.',
      }),
    ),
    bodyIdle: Type.Optional(
      term.duration({
        description: 'How long the backend may be silent within a reply. 0: no limit.',
      }),
    ),
  },
  {
    ...term.CLOSED,
    description:
      "Limits for the requests of this route; what is left out is as the backend's `timeouts` say.",
  },
)

/** One of the user's own routes. */
export const route = Type.Object(
  {
    path: Type.String({
      pattern: '^(/[^*?#]*)?/\\*$|^/[^*?#]*$',
      title: 'a path like "/api/v1/generate" or "/sdapi/*"',
      examples: ['/sdapi/*'],
      description:
        'A path that must match exactly or, ending in `/*`, that path and everything below it.',
    }),
    method: Type.Optional(
      Type.Union([method, Type.Array(method, { minItems: 1 })], {
        title: 'an HTTP method or a list of them',
        description: 'Only requests with this method, or one of these. Left out: every method.',
      }),
    ),
    header: Type.Optional(
      Type.Record(Type.String(), Type.String({ title: 'a text, * for anything' }), {
        propertyNames: term.headerName,
        title: 'an object of texts by header',
        description:
          'Only requests with each of these headers and a value that matches; `*` stands for anything.',
      }),
    ),
    model: Type.Optional(
      term.text({
        description:
          'Only requests whose `model`, in the body or behind the question mark, matches; `*` stands for anything.',
      }),
    ),
    to: Type.Union(
      [
        Type.Enum([...WORKLOADS], { type: 'string' }),
        Type.String({ pattern: `^backend:${term.NAME_PATTERN}$` }),
      ],
      {
        title: TARGET_TITLE,
        examples: ['text'],
        description:
          'Who answers: a workload, so a backend that serves it, or one backend as `backend:NAME`.',
      },
    ),
    stripPrefix: term.flag({
      description: 'Cut the fixed part of a `/*` path off before forwarding.',
      default: false,
    }),
    timeouts: Type.Optional(timeouts),
    bodies: Type.Optional(
      Type.Enum([...BODIES], {
        type: 'string',
        title: term.oneOf(BODIES),
        description:
          "What becomes of the request bodies of this route. Left out: as the backend's `bodies` say.",
      }),
    ),
  },
  {
    ...term.CLOSED,
    examples: [{ path: '/sdapi/*', to: 'text' }],
    description: 'What a request must look like, and where it then goes.',
  },
)

export type RouteSettings = Static<typeof route>
