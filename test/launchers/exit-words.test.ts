import t from 'tap'
import { describeExit, describeFailedStart } from '../../src/launchers/exit-words.js'
import type { Exit } from '../../src/launchers/launcher.js'
import { isOutOfMemory } from '../../src/launchers/out-of-memory.js'

const CODE_1: Exit = { code: 1, signal: null }

t.test('an exit is told in words', (t) => {
  const rows: [Exit, string][] = [
    [{ code: 0, signal: null }, 'it exited with code 0'],
    [{ code: 137, signal: null }, 'it exited with code 137'],
    [{ code: 3221225477, signal: null }, 'it exited with code 3221225477'],
    [{ code: null, signal: 'SIGKILL' }, 'it was killed by the system, probably out of memory'],
    [{ code: null, signal: 'SIGSEGV' }, 'it crashed (SIGSEGV)'],
    [{ code: null, signal: 'SIGABRT' }, 'it crashed (SIGABRT)'],
    [{ code: null, signal: 'SIGTERM' }, 'it was ended by SIGTERM'],
    [{ code: null, signal: 'SIGKILL', outOfMemory: false }, 'it was killed (SIGKILL)'],
    [
      { code: null, signal: 'SIGKILL', outOfMemory: true },
      'it was ended because its container ran out of memory',
    ],
    [
      { code: 1, signal: null, outOfMemory: true },
      'it was ended because its container ran out of memory',
    ],
    [{ code: 1, signal: null, outOfMemory: false }, 'it exited with code 1'],
  ]
  for (const [exit, words] of rows) t.equal(describeExit(exit), words)
  t.end()
})

t.test('a failed start says what the output means', (t) => {
  const rows: [string, string][] = [
    ['Cannot find text model file at x.gguf', 'model file not found'],
    ['cannot find whisper model file: /m/w.bin', 'model file not found'],
    ['gguf_init_from_file: failed to open: No such file or directory', 'model file not found'],
    ['CUDA error: out of memory', 'out of memory'],
    ['ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed', 'out of memory'],
    ['vk::Device::allocateMemory: ErrorOutOfDeviceMemory', 'out of memory'],
    ['OSError: [Errno 98] Address already in use', 'its port is already in use'],
    ['Error: listen EADDRINUSE: address already in use', 'its port is already in use'],
    ['Error: Could not load text model: x', 'the model could not be loaded'],
    ['llama_model_load: error: failed to load model', 'the model could not be loaded'],
    ['x.py: error: unrecognized arguments: --foo', 'it does not know one of its arguments'],
    ['error: unknown argument: --foo', 'it does not know one of its arguments'],
  ]
  for (const [line, meaning] of rows) {
    const words = describeFailedStart(CODE_1, ['Welcome', line, 'bye'])
    t.match(words, `it exited with code 1 before it was ready: ${meaning}; its last output was:`)
  }
  t.end()
})

t.test('a start without a word only says how it ended', (t) => {
  t.equal(
    describeFailedStart({ code: 0, signal: null }, []),
    'it exited with code 0 before it was ready',
  )
  t.end()
})

t.test('the last three lines are told, without folders and not at any length', (t) => {
  t.equal(
    describeFailedStart(CODE_1, ['one', '  two ', 'in /home/jo/models/a.gguf', 'four']),
    'it exited with code 1 before it was ready; its last output was: two | in a.gguf | four',
  )
  const words = describeFailedStart(CODE_1, ['x'.repeat(100_000)])
  t.ok(words.length < 300, `${words.length} characters`)
  t.end()
})

t.test('what an early line means is found though it is not among those told', (t) => {
  const words = describeFailedStart(CODE_1, ['out of memory', 'a', 'b', 'c'])
  t.match(words, ': out of memory; its last output was: a | b | c')
  t.end()
})

t.test('of a container its engine knows whether it ran out of memory', (t) => {
  const killed = { code: null, signal: 'SIGKILL' } as const
  t.equal(isOutOfMemory({ ...killed, outOfMemory: true }, []), true)
  t.equal(isOutOfMemory({ ...killed, outOfMemory: false }, []), false)
  t.equal(isOutOfMemory(killed, []), true, 'of a process only the kernel does')
  const said = ['CUDA error: out of memory']
  t.equal(
    isOutOfMemory({ ...killed, outOfMemory: false }, said),
    true,
    'of a card it knows nothing',
  )
  t.end()
})
