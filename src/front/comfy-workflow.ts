import { isObject, objectOf, parse, textOf } from './read.js'

/** One node of a workflow in ComfyUI's API format. */
export interface WorkflowNode {
  readonly class_type?: unknown
  readonly inputs?: Readonly<Record<string, unknown>>
}

/** Nodes by their ids. */
export type Workflow = Readonly<Record<string, WorkflowNode>>

/** What POST /prompt is given. */
export interface PromptBody {
  readonly workflow: Workflow
  /** The `clientId` of the WebSocket that is told of it; empty: none. */
  readonly clientId: string
  readonly extraData: object
}

/** Undefined: it is no workflow. */
export function readPrompt(body: Buffer): PromptBody | undefined {
  const said = objectOf(parse(body))
  const workflow = said.prompt
  if (!isObject(workflow) || !Object.values(workflow).every(isObject)) return undefined
  return {
    workflow: workflow as Workflow,
    clientId: textOf(said, 'client_id') ?? '',
    extraData: objectOf(said.extra_data),
  }
}

/** The node whose output the picture is told to be; KoboldCpp always says "9". */
export function outputNode(workflow: Workflow): string {
  return idOf(workflow, /^(?:Save|Preview)Image/) ?? '9'
}

/** The node that is told to be at work. */
export function workNode(workflow: Workflow): string {
  return idOf(workflow, /^KSampler/) ?? outputNode(workflow)
}

/** The names of the pictures that it begins with. */
export function startPictures(workflow: Workflow): string[] {
  return Object.values(workflow).flatMap(({ class_type: type, inputs }) => {
    const name = inputs?.image
    return String(type).startsWith('LoadImage') && typeof name === 'string' ? [name] : []
  })
}

/** Whether a KoboldCpp would begin it with the picture that was uploaded last, whoever uploaded that. */
export function needsPicture(workflow: Workflow): boolean {
  return idOf(workflow, /^VAEEncode/) !== undefined
}

/** The name of the image model that it asks for. */
export function modelOfWorkflow(workflow: Workflow): string | undefined {
  for (const { inputs } of Object.values(workflow)) {
    if (typeof inputs?.ckpt_name === 'string') return inputs.ckpt_name
  }
  return undefined
}

function idOf(workflow: Workflow, type: RegExp): string | undefined {
  return Object.keys(workflow).find((id) => type.test(String(workflow[id]?.class_type)))
}
