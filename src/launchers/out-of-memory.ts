import type { Exit } from './launcher.js'

/** What engines print when an allocation failed: the words of drivers and libraries, then those of engines. */
const SAID: readonly RegExp[] = [
  /out of memory|outof(?:device|host)?memory|out_of_(?:device_|host_)?memory/i, // CUDA, HIP, Vulkan, PyTorch, Metal, XLA
  /(?:cuda|hip|musa|sycl)malloc\w*(?: \w+)? failed|CUBLAS_STATUS_ALLOC_FAILED/i,
  /\bbad_alloc\b|\bMemoryError\b|cannot allocate memory|can't allocate memory|insufficient memory/i,
  /(?:failed|unable) to (?:re)?alloc(?:ate)?\b|\ballocation (?:of size )?\d* ?failed/i, // ggml and what is built on it
  /alloc\w* (?:\w+ ){0,3}(?:buffer|memory) failed|not enough (?:free )?(?:gpu |video |device )?memory/i,
  /paging file is too small|os error 1455|WinError 1455/i, // Windows
]
/** STATUS_NO_MEMORY and STATUS_COMMITMENT_LIMIT of Windows. */
const WINDOWS_CODES = new Set([0xc0000017, 0xc000012d])
/** 128 and the number of SIGKILL, as shells and containers tell it. */
const KILLED = 137

/**
 * Whether a program ended because it could not have more memory, of a card or of the machine. A SIGKILL that nobody
 * of ours sent is the kernel's way to say so, but of a container its engine knows better.
 */
export function isOutOfMemory(exit: Exit, output: readonly string[]): boolean {
  const { code, signal, outOfMemory } = exit
  if (outOfMemory ?? (signal === 'SIGKILL' || code === KILLED)) return true
  if (code !== null && WINDOWS_CODES.has(code)) return true
  return output.some((line) => SAID.some((words) => words.test(line)))
}
