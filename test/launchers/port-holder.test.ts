import { readFileSync } from 'node:fs'
import t from 'tap'
import { listeningInodes, listeningPid, portHolder } from '../../src/launchers/port-holder.js'
import { Ports } from '../../src/launchers/ports.js'
import { fixture, KILL_SOON, lineOf, processLauncher } from '../helpers/processes.js'

const TCP = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48213 1 0000000000000000 100 0 0 10 0
   1: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 17331 1 0000000000000000 100 0 0 10 0
   2: 0100007F:1389 0100007F:D2F4 01 00000000:00000000 02:00000A3B 00000000  1000        0 48300 2 0000000000000000 20 4 30 10 -1
   3: 0100007F:D2F4 0100007F:1389 06 00000000:00000000 03:000017A1 00000000     0        0 0 3 0000000000000000
   4: 3500007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000   101        0 9001 1 0000000000000000 100 0 0 10 5
   5: 0200007F:1389 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 48214 1 0000000000000000 100 0 0 10 0
`
const TCP6 = `  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 00000000000000000000000001000000:1389 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51234 1 0000000000000000 100 0 0 10 0
   1: 0000000000000000FFFF00000100007F:1389 0000000000000000FFFF00000100007F:D2F4 08 00000000:00000000 00:00000000 00000000  1000        0 51300 1 0000000000000000 20 4 28 10 -1
   2: 00000000000000000000000000000000:FFFF 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 51235 1 0000000000000000 100 0 0 10 0
`

t.test('the sockets that listen on a port are found, and no connection to it', (t) => {
  const rows: [string, number, string[]][] = [
    [TCP, 5001, ['48213', '48214']],
    [TCP, 80, ['17331']],
    [TCP, 53, ['9001']],
    [TCP, 54004, []],
    [TCP, 1389, []],
    [TCP6, 5001, ['51234']],
    [TCP6, 65535, ['51235']],
    [TCP6, 80, []],
    ['', 5001, []],
  ]
  for (const [table, port, inodes] of rows) {
    t.strictSame(listeningInodes(table, port), inodes, `port ${port}`)
  }
  t.end()
})

const ENGLISH = `
Active Connections

  Proto  Local Address          Foreign Address        State           PID
  TCP    0.0.0.0:135            0.0.0.0:0              LISTENING       1084
  TCP    127.0.0.1:15001        0.0.0.0:0              LISTENING       999
  TCP    127.0.0.1:5001         127.0.0.1:50210        ESTABLISHED     4711
  TCP    127.0.0.1:50210        127.0.0.1:5001         ESTABLISHED     6620
  TCP    127.0.0.1:5001         0.0.0.0:0              LISTENING       4712
  TCP    192.168.1.5:62000      10.0.0.1:5002          TIME_WAIT       0
  TCP    [::]:445               [::]:0                 LISTENING       4
`.replaceAll('\n', '\r\n')

const GERMAN = `
Aktive Verbindungen

  Proto  Lokale Adresse         Remoteadresse          Status           PID
  TCP    0.0.0.0:135            0.0.0.0:0              ABHÖREN         1084
  TCP    127.0.0.1:5001         127.0.0.1:50210        HERGESTELLT     4711
  TCP    127.0.0.1:5001         0.0.0.0:0              ABHÖREN         4712
  TCP    192.168.1.5:62000      10.0.0.1:5002          WARTEND         0
`.replaceAll('\n', '\r\n')

t.test('on Windows the listening process is found, in whatever language it speaks', (t) => {
  for (const netstat of [ENGLISH, GERMAN]) {
    t.equal(listeningPid(netstat, 5001), 4712)
    t.equal(listeningPid(netstat, 135), 1084)
    for (const port of [1, 35, 5002, 50210, 62000]) t.equal(listeningPid(netstat, port), undefined)
  }
  t.equal(listeningPid(ENGLISH, 445), 4)
  t.equal(listeningPid('', 5001), undefined)
  t.end()
})

t.test('the program that holds a port is named, here as everywhere', async (t) => {
  if (process.platform !== 'linux') return t.pass('asked of /proc')
  const run = await processLauncher(t, [fixture('takes-its-port.mjs'), '${port}']).start()
  await lineOf(run, 'ready')
  const name = readFileSync(`/proc/${run.pid}/comm`, 'utf8').trim()
  t.equal(await portHolder(Number(new URL(run.origin).port), 'linux'), name)
  return run.stop(KILL_SOON)
})

t.test('nobody holds a free port', async (t) => {
  t.equal(await portHolder(await new Ports().choose('127.0.0.1'), process.platform), undefined)
})

t.test('a platform whose tool is missing, or that has none, names nobody', async (t) => {
  const others = (['win32', 'aix'] as const).filter((name) => name !== process.platform)
  for (const platform of others) t.equal(await portHolder(1, platform), undefined, platform)
})
