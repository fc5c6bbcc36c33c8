/* x86-64 with AVX-512: pictures as with AVX2, in twice as many registers; points in vectors of twice the length. */
#include "kernels.h"

#ifdef N3D_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
#define N3D_PATH avx512
#define N3D_VECTOR 32
#include "picture.h"
#include "points.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
