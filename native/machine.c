/* Which of the library's paths this machine runs; compiled for any machine. */
#include "kernels.h"

int n3d_abi(void) { return N3D_ABI; }

/* Names of native/'s paths, the fastest first. */
const char *n3d_paths(void) {
#ifdef N3D_X86
    const int avx2 = __builtin_cpu_supports("avx2");
    if (avx2 && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"))
        return "avx512 avx2 baseline";
    if (avx2) return "avx2 baseline";
#endif
    return "baseline";
}
