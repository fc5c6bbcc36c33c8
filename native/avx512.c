/* x86-64 with AVX-512: points and metres in vectors of twice the length. Pictures are compiled as for AVX2; the compiler's AVX-512
 * made them slower. */
#include "kernels.h"

#ifdef N3D_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define N3D_PATH avx512
#define N3D_VECTOR 32
#include "picture.h"
#ifdef __clang__
#pragma clang attribute pop
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl")
#endif
#include "metres.h"
#include "points.h"
#include "surface.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
