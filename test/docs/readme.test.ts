import { execFile, spawnSync } from 'node:child_process'
import { readFileSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import t from 'tap'
import { tempFolder } from '../helpers/gateway.js'
import { addressOf, isAlive, runProgram } from '../helpers/program.js'
import { until } from '../helpers/until.js'
import { blocksOf, sectionOf } from './markdown.js'

const hasCurl = spawnSync('curl', ['--version']).status === 0
const WITH_CURL = hasCurl ? {} : { skip: 'there is no curl here' }

const [text = '', image = '', audio = '', metrics = '', ...more] = blocksOf(
  sectionOf('README.md', '## Start in a minute'),
  'sh',
)

t.test('the lines of the README answer, and Ctrl-C leaves no process', WITH_CURL, async (t) => {
  t.same(more, [], 'there are four blocks')
  const folder = tempFolder(t)
  symlinkSync(resolve('examples'), join(folder, 'examples'))
  const gateway = runProgram(t, ['--port', '0', '--state-dir', join(folder, 'state')])
  const address = await addressOf(gateway)
  const type = (line: string) => shell(line.replaceAll('http://localhost:5050', address), folder)

  // The first requests of all three at once: starting them one after the other takes longer.
  const [continued, , heard] = await Promise.all([type(text), type(image), type(audio)])
  t.match(JSON.parse(continued).results[0].text, /\w+ \w+/, 'text comes back')

  const png = readFileSync(join(folder, 'fox.png'))
  t.same([...png.subarray(0, 8)], [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], 'it is a PNG')
  t.equal(png.toString('latin1', 12, 16), 'IHDR')
  t.same([png.readUInt32BE(16), png.readUInt32BE(20)], [512, 512], 'of the usual size')
  t.equal(png.toString('latin1', png.length - 8, png.length - 4), 'IEND', 'and whole')

  t.match(JSON.parse(heard).text, `${secondsOf('examples/hello.wav').toFixed(2)} seconds`)

  for (const backend of ['text', 'image', 'whisper']) {
    t.match(await type(metrics), `gatehouse_request_duration_seconds_sum{backend="${backend}"`)
  }

  const pids = [...gateway.out().matchAll(/"pid":(\d+)/g)].map(([, pid]) => Number(pid))
  t.equal(new Set(pids).size, 3, 'three backends run')
  gateway.child.kill('SIGINT')
  t.equal(await gateway.ended, 0)
  await until('no backend lives', () => !pids.some((pid) => isAlive(pid) || isAlive(-pid)))
})

/** What a shell command prints in this folder; rejects if it fails. */
function shell(line: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile('sh', ['-c', line], { cwd, timeout: 60_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${line}\n${stderr}`, { cause: error }))
      else resolve(stdout)
    })
  })
}

function secondsOf(file: string): number {
  const wav = readFileSync(file)
  return wav.readUInt32LE(40) / wav.readUInt32LE(28)
}
