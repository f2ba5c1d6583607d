import { dirname, isAbsolute, join } from 'node:path'
import t from 'tap'
import { defaultStateDir } from '../../src/cli/state-dir.js'

const FILE = '/srv/gatehouse/routes.json'
const HOME = '/home/jo'

t.test('state goes where the platform keeps it', (t) => {
  const rows: [NodeJS.Platform, Record<string, string>, string][] = [
    ['linux', { HOME }, '/home/jo/.local/state/gatehouse'],
    ['freebsd', { HOME }, '/home/jo/.local/state/gatehouse'],
    ['linux', { HOME, XDG_STATE_HOME: '/state' }, '/state/gatehouse'],
    ['linux', { HOME, XDG_STATE_HOME: '' }, '/home/jo/.local/state/gatehouse'],
    ['linux', { HOME, LOCALAPPDATA: '/no' }, '/home/jo/.local/state/gatehouse'],
    ['darwin', { HOME }, '/home/jo/Library/Application Support/gatehouse'],
    ['darwin', { HOME, XDG_STATE_HOME: '/state' }, '/state/gatehouse'],
    ['win32', { LOCALAPPDATA: '/local', USERPROFILE: '/jo' }, '/local/gatehouse'],
    ['win32', { USERPROFILE: '/jo', HOME }, '/jo/AppData/Local/gatehouse'],
    ['win32', { LOCALAPPDATA: '/local', XDG_STATE_HOME: '/state' }, '/local/gatehouse'],
  ]
  for (const [platform, env, folder] of rows) {
    const dir = defaultStateDir(platform, env, FILE)
    t.equal(dirname(dir), join(folder), `${platform} ${JSON.stringify(env)}`)
    t.ok(isAbsolute(dir))
  }
  t.end()
})

t.test('each configuration has a folder of its own, the same at every start', (t) => {
  const dirs = ['/a/routes.json', '/b/routes.json', '/a/other.json', '/a/routes.jsonc'].map(
    (file) => defaultStateDir('linux', { HOME }, file),
  )
  t.equal(new Set(dirs).size, dirs.length)
  t.equal(defaultStateDir('linux', { HOME }, '/a/routes.json'), dirs[0])
  t.end()
})

t.test('the folder is named after the file, so that a person finds it', (t) => {
  const names: [string, RegExp][] = [
    ['/a/routes.json', /\/routes-[0-9a-f]{8}$/],
    ['/a/my.routes.jsonc', /\/my\.routes-[0-9a-f]{8}$/],
    ['/a/routes', /\/routes-[0-9a-f]{8}$/],
    ['/a/.json', /\/-[0-9a-f]{8}$/],
  ]
  for (const [file, name] of names) t.match(defaultStateDir('linux', { HOME }, file), name, file)
  t.end()
})
