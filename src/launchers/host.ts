/** What the launchers need to know of the machine and of the gateway's own program. */
export interface Host {
  readonly platform: NodeJS.Platform
  readonly env: Readonly<Record<string, string | undefined>>
  /** Absolute path of the Node program that runs the gateway: `${node}` in routes.json. */
  readonly node: string
  /** Absolute path of the gateway's own entry file: `${gatehouse}` in routes.json. */
  readonly gatehouse: string
  /** Folder for logs and state; made when first needed. */
  readonly stateDir: string
}
