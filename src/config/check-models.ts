import type { Workload } from './config.js'
import type { Report } from './report.js'
import type { Settings } from './schema.js'

/** A name without a star asks for one backend of a workload: that which is called so, else that which lists it. */
export function checkModels({ backends }: Settings, report: Report): void {
  const isInDoubt = ['serves', 'models'].some((key) => report.isOpenWithin(['backends'], key))
  if (isInDoubt) return
  const owners = ownersByWorkload(backends)
  for (const [name, { serves, models }] of Object.entries(backends)) {
    for (const [index, model] of models.entries()) {
      const others = model.includes('*') ? [] : serves.map((each) => owners.get(each)?.get(model))
      const other = others.find((owner) => owner !== undefined && owner !== name)
      const path = ['backends', name, 'models', index]
      const expected = `a name of its own (backends.${other} has the same)`
      if (other !== undefined) report.fault({ path, expected })
    }
  }
}

type Owners = ReadonlyMap<Workload, ReadonlyMap<string, string>>

/** Who has a name first: a backend's own is its whatever others list. */
function ownersByWorkload(backends: Settings['backends']): Owners {
  const owners = new Map<Workload, Map<string, string>>()
  const own = (workload: Workload, name: string, owner: string) => {
    const known = owners.get(workload) ?? new Map<string, string>()
    owners.set(workload, known)
    if (!known.has(name)) known.set(name, owner)
  }
  const entries = Object.entries(backends)
  for (const [name, { serves }] of entries) for (const each of serves) own(each, name, name)
  for (const [name, { serves, models }] of entries) {
    for (const each of serves) for (const model of models) own(each, model, name)
  }
  return owners
}
