import t from 'tap'
import type { Exit } from '../../src/launchers/launcher.js'
import { isOutOfMemory } from '../../src/launchers/out-of-memory.js'

const FAILED: Exit = { code: 1, signal: null }

t.test('each engine has its own words for want of memory', (t) => {
  const lines = [
    // CUDA and what is built on it
    'CUDA error: out of memory',
    'ggml_backend_cuda_buffer_type_alloc_buffer: allocating 4437.80 MiB on device 0: cudaMalloc failed: out of memory',
    'llama_model_load: error loading model: unable to allocate CUDA0 buffer',
    'torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 512.00 MiB. GPU 0 has a total capacity of 139.80 GiB',
    'torch.cuda.OutOfMemoryError: CUDA out of memory.',
    'RuntimeError: CUDA driver error: CUDA_ERROR_OUT_OF_MEMORY',
    'cuBLAS error: CUBLAS_STATUS_ALLOC_FAILED at ggml-cuda.cu:123',
    // ROCm
    'torch.OutOfMemoryError: HIP out of memory. Tried to allocate 2.00 GiB.',
    'hipErrorOutOfMemory',
    'ggml_cuda_compute_forward: hipMalloc failed',
    // Vulkan
    'ggml_vulkan: Device memory allocation of size 1073741824 failed.',
    'ggml_vulkan: vk::Device::allocateMemory: ErrorOutOfDeviceMemory',
    'vk::Queue::submit: ErrorOutOfHostMemory',
    'VK_ERROR_OUT_OF_DEVICE_MEMORY',
    // Metal
    'ggml_metal_graph_compute: command buffer 0 failed with status 5: Insufficient Memory (00000008:kIOGPUCommandBufferCallbackErrorOutOfMemory)',
    'ggml_backend_metal_buffer_type_alloc_buffer: error: failed to allocate buffer, size = 8192.00 MiB',
    // llama.cpp, sd.cpp and whisper.cpp on anything
    'llama_init_from_model: failed to initialize the context: failed to allocate buffer for kv cache',
    'ggml_gallocr_reserve_n: failed to allocate CUDA0 buffer of size 2147483648',
    '[ERROR] ggml_extend.hpp:1589 - unet alloc params backend buffer failed, num_tensors = 686',
    'whisper_kv_cache_init: failed to allocate memory for the kv cache',
    // The main memory
    "terminate called after throwing an instance of 'std::bad_alloc'",
    'MemoryError: Unable to allocate 3.05 GiB for an array',
    "RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 bytes.",
    'OSError: [Errno 12] Cannot allocate memory',
    'OSError: The paging file is too small for this operation to complete. (os error 1455)',
  ]
  for (const line of lines) t.ok(isOutOfMemory(FAILED, ['Welcome', line, 'bye']), line)
  t.end()
})

t.test('the way it ended may say it, too', (t) => {
  const exits: Exit[] = [
    { code: null, signal: 'SIGKILL' },
    { code: 137, signal: null },
    { code: 0xc0000017, signal: null },
    { code: 0xc000012d, signal: null },
  ]
  for (const exit of exits) t.ok(isOutOfMemory(exit, []), JSON.stringify(exit))
  t.end()
})

t.test('other failures are not taken for it', (t) => {
  const lines = [
    'error: unknown argument: --memory',
    'llama_model_load: error: failed to load model',
    'KV buffer size = 1024 MiB, memory: 8 GiB free',
    'CUDA error: invalid device function',
    'Allocating 512 MiB of memory',
    'Error: Cannot find text model file at memory.gguf',
    'RuntimeError: CUDA error: device-side assert triggered',
    '',
  ]
  for (const line of lines) t.notOk(isOutOfMemory(FAILED, [line]), line)
  t.notOk(isOutOfMemory({ code: null, signal: 'SIGSEGV' }, []))
  t.end()
})
