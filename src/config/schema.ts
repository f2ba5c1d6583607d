import { type Static, type TSchema, Type } from 'typebox'
import { backend } from './backend-schema.js'
import { route } from './route-schema.js'
import * as term from './terms.js'

const listen = Type.Object(
  {
    host: term.text({
      description:
        'The address to listen on. `localhost` means both 127.0.0.1 and ::1; `0.0.0.0` opens the gateway to the network.',
      default: 'localhost',
    }),
    port: term.port({
      description: 'The port to listen on. 0: the system chooses a free one.',
      default: 5050,
    }),
    headerTimeout: term.duration({
      description: "How long a client may take to send a request's headers.",
      default: '10s',
    }),
    maxHeaderBytes: term.size({
      description: "The most that a request's headers may measure together.",
      default: '32KiB',
    }),
    maxUrlBytes: term.size({
      description:
        "The most that a request's target, so path and query, may measure; a longer one is refused with 414. 0: no limit but `maxHeaderBytes`.",
      default: '16KiB',
    }),
    maxHeaders: term.wholeNumber({
      description:
        'The most header lines that a request may have; more are refused with 431. 0: no limit.',
      default: 100,
    }),
    bodyTimeout: term.duration({
      description:
        "How long a client may be silent within a request's body; then it gets 408 and its connection is closed. 0: no limit.",
      default: '60s',
    }),
    maxConnections: term.wholeNumber({
      description:
        "Clients' connections at once; one more is closed as soon as it is accepted. 0: no limit.",
      default: 4096,
    }),
    maxRequestsPerConnection: term.wholeNumber({
      description:
        'Requests on one connection; the last is answered with `Connection: close`. 0: no limit.',
      default: 0,
    }),
    maxEventLoopDelay: term.duration({
      description:
        'While the gateway itself lags behind by more than this, new requests are answered with 503. 0: never.',
      default: '1s',
    }),
    heartbeatInterval: term.duration({
      description:
        'How often a client that waits is told that its request lives, in the way that `heartbeat` of the backend says. 0: never.',
      default: '5s',
    }),
    keepAliveTimeout: term.duration({
      description: "How long a client's idle connection is kept open.",
      default: '75s',
    }),
    drainTimeout: term.duration({
      description: 'How long running requests may go on once the gateway was told to stop.',
      default: '30s',
    }),
    bufferBytes: term.size({
      description:
        'Request bodies up to this size are read whole before a backend is asked for; a longer one is refused with 413, unless `bodies` of its backend is `stream`.',
      default: '64MiB',
    }),
    trustProxy: term.networks({
      description: 'Proxies whose X-Forwarded-* headers are believed. Empty: nobody is believed.',
      default: [],
    }),
  },
  { ...term.CLOSED, description: "The gateway's own door and its limits.", default: {} },
)

const admin = Type.Object(
  {
    switchTextModel: term.flag({
      description:
        'Let everybody who reaches the gateway choose the default among the text backends, in the admin panel of KoboldAI Lite. The choice holds for all and is forgotten when the gateway ends.',
      default: false,
    }),
  },
  { ...term.CLOSED, description: 'What clients may change in a running gateway.', default: {} },
)

const scheduling = Type.Object(
  {
    minResidency: term.duration({
      description: 'How long a backend that was started is not stopped to make room for another.',
      default: '5s',
    }),
    patience: term.duration({
      description:
        'How long a backend waits for memory until those that hold it get no new requests before it had its turn.',
      default: '10s',
    }),
    maxWait: term.duration({
      description:
        'How long a request may wait for the memory of its backend; then it is refused with 503. 0: as long as it likes.',
      default: '2m',
    }),
  },
  {
    ...term.CLOSED,
    description: 'Who has the memory when there is not enough for all.',
    default: {},
  },
)

const device = Type.Object(
  {
    memory: term.sizeOrAuto({
      description: 'How much memory the device has. `auto`: the driver is asked.',
    }),
    keepFree: term.size({
      description: 'How much of it backends must leave to others (the desktop, a browser).',
      default: '0',
    }),
    concurrency: term.wholeNumber({
      description:
        'Requests that run on it at once, over all backends that hold its memory: they take turns. 0: no limit.',
      default: 0,
    }),
    id: Type.Optional(
      term.text({
        examples: ['GPU-2b1d8ee4'],
        description:
          "Which device is meant, by the driver's own word: the UUID of an NVIDIA card or the begin of it, or the PCI address of an AMD card. Left out: `gpu0` is the first card that the driver lists, `gpu1` the next, and `ram` the main memory.",
      }),
    ),
  },
  {
    ...term.CLOSED,
    description: 'Something with memory to hold: a graphics card, or the main memory.',
  },
)

/** routes.json: the only place that knows its fields, their meaning and their defaults. */
export const schema = Type.Object(
  {
    $schema: Type.Optional(
      Type.String({ title: 'a text', description: 'The JSON schema that an editor shall use.' }),
    ),
    listen,
    admin,
    scheduling,
    devices: named(device, 'What has memory to hold, by name: `gpu0`, `gpu1`, `ram`.'),
    backends: named(backend, 'The backends, by name.'),
    routes: Type.Array(route, {
      title: 'a list of routes',
      description: 'Your own routes, tried in this order, before the built-in table.',
      default: [],
    }),
  },
  { ...term.CLOSED, description: 'The configuration of Gatehouse.' },
)

/** The content of a sound routes.json, defaults filled in. */
export type Settings = Static<typeof schema>
export type DeviceSettings = Static<typeof device>
export type SchedulingSettings = Static<typeof scheduling>
export type ListenSettings = Static<typeof listen>

function named<Thing extends TSchema>(thing: Thing, description: string) {
  const said = { propertyNames: term.name, title: 'an object', description, default: {} }
  return Type.Record(Type.String(), thing, said)
}
