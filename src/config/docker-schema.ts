import { type Static, Type } from 'typebox'
import * as term from './terms.js'

const NAME = '^[A-Za-z0-9][A-Za-z0-9_.-]*$'

/** A container that exists already, which the gateway starts and stops. */
export const docker = Type.Object(
  {
    container: Type.Optional(
      term.dockerName(NAME, {
        examples: ['text'],
        description: 'The name of the container. Either this or `service`.',
      }),
    ),
    service: Type.Optional(
      term.dockerName(NAME, {
        examples: ['text'],
        description: 'The name of its service in a compose file. Either this or `container`.',
      }),
    ),
    project: Type.Optional(
      term.dockerName(NAME, {
        examples: ['gatehouse'],
        description:
          "The compose project of the service. Left out: the gateway's own, which `COMPOSE_PROJECT_NAME` in its environment says; without that, the one project that has such a service.",
      }),
    ),
  },
  {
    ...term.CLOSED,
    description:
      'A container that the gateway starts and stops over the Docker Engine API, found by `DOCKER_HOST`; see [docker.md](docker.md). `url` says where it listens.',
  },
)

export type DockerSettings = Static<typeof docker>
