import { type RouteTarget, WORKLOADS } from './config.js'

const BACKEND = 'backend:'

/** The target in a route's sound `to`: a workload, or `backend:NAME`. */
export function toTarget(to: string): RouteTarget {
  const workload = WORKLOADS.find((each) => each === to)
  return workload === undefined ? { backend: to.slice(BACKEND.length) } : { workload }
}
