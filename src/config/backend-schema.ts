import { type Static, Type } from 'typebox'
import { BODIES, DIALECT_NAMES, WORKLOADS } from './config.js'
import { docker } from './docker-schema.js'
import * as term from './terms.js'

const HEARTBEATS = ['events', 'json', 'off'] as const
const OVER_QUOTA = ['warn', 'stop'] as const
const CLIENT_GONE = ['cancel', 'finish'] as const

const process = Type.Object(
  {
    command: term.text({
      examples: ['koboldcpp'],
      description:
        'The program. A bare name is looked up in PATH; one that begins with `./` or `../` is resolved against the folder of this file; any other is left as it is.',
    }),
    args: term.texts({
      description: 'Its arguments, one text each; no shell reads them.',
      default: [],
    }),
    cwd: term.text({
      description: 'The folder it runs in, resolved against the folder of this file.',
      default: '.',
    }),
    env: Type.Record(Type.String(), Type.String({ title: 'a text' }), {
      propertyNames: term.variableName,
      title: 'an object of texts',
      description: "Environment variables, added to the gateway's own.",
      default: {},
    }),
  },
  {
    ...term.CLOSED,
    description:
      'How the gateway starts this backend. Left out: somebody else starts it, and `url` says where it listens.',
  },
)

const timeouts = Type.Object(
  {
    connect: term.duration({
      description: 'How long a connection to the backend may take. 0: no limit.',
      default: '10s',
    }),
    headers: term.duration({
      description: 'How long the backend may take until its reply begins. 0: no limit.',
      default: '0',
    }),
    bodyIdle: term.duration({
      description: 'How long the backend may be silent within a reply. 0: no limit.',
      default: '0',
    }),
  },
  { ...term.CLOSED, description: "Limits on the backend's side of a request.", default: {} },
)

/** One backend. Its fields are the reference of what the gateway can be told about it. */
export const backend = Type.Object(
  {
    serves: Type.Array(
      Type.Enum([...WORKLOADS], {
        type: 'string',
        title: term.oneOf(WORKLOADS),
        examples: ['text'],
      }),
      {
        uniqueItems: true,
        title: 'a list of workloads, each once',
        description: `The workloads it can serve: ${WORKLOADS.join(', ')}. The first backend of the file that serves a workload is that workload's default. Empty: it is reached only by routes to \`backend:NAME\`.`,
        default: [],
      },
    ),
    models: Type.Array(
      Type.String({ minLength: 1, title: 'a text, * for anything', examples: ['my-model'] }),
      {
        title: 'a list of texts',
        description:
          'The names besides its own by which a request asks for this backend, where several serve one workload; `*` stands for anything. Its own name, and names without a star, win over those with one.',
        default: [],
      },
    ),
    dialect: Type.Enum([...DIALECT_NAMES], {
      type: 'string',
      title: term.oneOf(DIALECT_NAMES),
      description: 'How it speaks and behaves.',
      default: 'koboldcpp',
    }),
    url: Type.Optional(
      Type.String({
        title: 'a URL like "http://127.0.0.1:5001"',
        description:
          'Where it listens; a base path is kept in front of every path. With `process` it may be left out (`http://127.0.0.1`), and without a port a free one is chosen at every start.',
      }),
    ),
    process: Type.Optional(process),
    docker: Type.Optional(docker),
    memory: term.memory({
      description:
        'How much memory it holds while it runs, by device: `{"gpu0": "5GiB", "ram": "2GiB"}`. `"gpu"` as a device is any one card that has room: the backend is then limited to it by `CUDA_VISIBLE_DEVICES` or `HIP_VISIBLE_DEVICES`. `"auto"` as an amount is learned: at first what the model files in its arguments weigh and a margin, then the most it was seen to hold. `"auto"` alone is `{"gpu": "auto"}`, or `{"ram": "auto"}` where no card is listed.',
      default: {},
    }),
    share: Type.Record(Type.String(), term.fraction({ description: 'A part of that device.' }), {
      title: 'an object of numbers by device',
      description:
        'Instead of `memory`: its quota as a part of a device, such as `{"gpu0": 0.5}`. So much is reserved for it while it runs.',
      default: {},
    }),
    onOverQuota: Type.Enum([...OVER_QUOTA], {
      type: 'string',
      title: term.oneOf(OVER_QUOTA),
      description:
        'What becomes of it when it is seen to hold more than its `share`, or than a number in `memory`. `warn`: that is counted, and said once; `stop`: it is stopped as well, once its running requests are over.',
      default: 'warn',
    }),
    priority: Type.Integer({
      title: 'a whole number',
      description:
        'Among the backends that wait for memory, the higher goes first, until one has waited for `patience`.',
      default: 0,
    }),
    concurrency: term.wholeNumber({
      description: 'Requests sent to it at once; the rest wait. 0: no limit, and nobody waits.',
      default: 1,
    }),
    queueLimit: term.wholeNumber({
      description: 'How many requests may wait; one more is refused with 503.',
      default: 64,
    }),
    idleTimeout: term.duration({
      description: 'How long it may be idle before it is stopped. 0: never stopped for idleness.',
      default: '0',
    }),
    startTimeout: term.duration({
      description:
        'How long it may take from its start until it answers; longer, up to three times this, while it still prints or takes memory. 0: no limit.',
      default: '10m',
    }),
    stopTimeout: term.duration({
      description: 'How long it may take to end by itself before it is killed.',
      default: '10s',
    }),
    keepLoaded: term.flag({
      description:
        'Start it with the gateway, and never stop it for idleness or to make room for another.',
      default: false,
    }),
    startsAfter: term.texts({
      description:
        'With `keepLoaded`: which backends come first when the gateway starts; this one is started once they are ready, or have failed.',
      default: [],
    }),
    livenessInterval: term.duration({
      description:
        'How often it is asked whether it still answers while it has nothing to do; after three failures it is ended, and started again by the next request. 0: never.',
      default: '10s',
    }),
    requestTimeout: term.duration({
      description: 'How long one request may take at this backend. 0: as long as it likes.',
      default: '0',
    }),
    bodies: Type.Optional(
      Type.Enum([...BODIES], {
        type: 'string',
        title: term.oneOf(BODIES),
        description:
          '`buffer`: a request body is read whole before its turn is asked for; `stream`: it is passed on as it comes. Left out: `stream` for the dialect `generic`, `buffer` for the others.',
      }),
    ),
    heartbeat: Type.Enum([...HEARTBEATS], {
      type: 'string',
      title: term.oneOf(HEARTBEATS),
      description:
        'How clients that wait for it are told that their request lives. `events`: those of event streams get comment lines; `json`: those that wait for JSON, too, get status 200 and white space at once, at the price that this status is fixed before the answer is known; `off`: nobody is told.',
      default: 'events',
    }),
    onClientGone: Type.Enum([...CLIENT_GONE], {
      type: 'string',
      title: term.oneOf(CLIENT_GONE),
      description:
        'What becomes of a request whose client left. `cancel`: it is ended at the backend; `finish`: the backend runs it to its end, and the answer is dropped.',
      default: 'cancel',
    }),
    timeouts,
  },
  { ...term.CLOSED, description: 'One instance that can serve one or more workloads.' },
)

export type BackendSettings = Static<typeof backend>
export type ProcessSettings = Static<typeof process>
