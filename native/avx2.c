/* x86-64 with AVX2: Intel since 2013, AMD since 2015. */
#include "kernels.h"

#ifdef N3D_X86
#ifdef __clang__
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC target("avx2")
#endif
#define N3D_PATH avx2
#define N3D_VECTOR 32
#include "metres.h"
#include "picture.h"
#include "points.h"
#include "surface.h"
#ifdef __clang__
#pragma clang attribute pop
#endif
#endif
