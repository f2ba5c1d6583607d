export const USAGE = `Usage: gatehouse [command] [options]

One door in front of all the AI you host: routes by workload, starts what is down.

Commands
  (none)                  run the gateway
  check                   read routes.json and say what is wrong with it; starts nothing
  routes                  show what goes where, in the order in which it is tried
  logs NAME [--follow]    show what a backend printed last, secrets masked
  status [--json|--watch] show devices, backends and who waits, of the gateway that runs
  sample-backend          run the bundled stand-in for KoboldCpp (sample-backend --help)
  socket-proxy            let a gateway use labelled containers, and nothing else (socket-proxy --help)

Options
  -c, --config FILE       the configuration (default: routes.json)
      --host HOST         listen here instead of listen.host; localhost is 127.0.0.1 and ::1
  -p, --port PORT         listen here instead of listen.port; 0 chooses a free one
                          (status: look here instead)
      --log-level LEVEL   fatal, error, warn, info, debug, trace or silent (default: info)
      --state-dir DIR     where logs and state of backends go (default: your state folder)
      --keep-backends     leave the backends running at the end, for the next start to take over
  -h, --help              this text
  -v, --version           the version

Signals: SIGINT and SIGTERM stop it, a second one at once; SIGHUP reads routes.json again.
Exit codes: 0 ended as asked, 1 failed, 2 wrong use or a bad routes.json.
`
