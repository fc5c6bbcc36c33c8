/* What all of native/ shares. C11 for GCC (9 and later) and Clang on any machine. No floating-point shortcut is allowed
 * that changes a result (see native/flags), because numpy has to give the same numbers.
 *
 * The other headers hold the work, once. Each file named after an instruction set compiles them once more for it,
 * under names that end with it, and n3d_paths() says which of them this machine runs. So one library built anywhere
 * runs everywhere; n3d_ros/preprocess/kernels.py chooses. */
#ifndef N3D_KERNELS_H
#define N3D_KERNELS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Changes with every change of a signature here; n3d_ros/preprocess/kernels.py refuses any other number. */
#define N3D_ABI 4

enum { N3D_DONE = 0, N3D_LEFT_TO_NUMPY = 1 };

#define INLINE static inline __attribute__((always_inline))
#define N3D_JOIN(name, path) name##_##path
#define N3D_NAME(name, path) N3D_JOIN(name, path)
#define EXPORT(name) N3D_NAME(name, N3D_PATH)

/* -DN3D_PLAIN compiles on x86 what other machines get. */
#if defined(__x86_64__) && !defined(N3D_PLAIN)
#define N3D_X86 1
#endif

/* One pass of a resize, as n3d_ros/preprocess/resample.py makes and checks it: output i is the sum of `taps` sources from
 * first[i] on, by weights of 22 fractional bits. taps = 0: there is no such pass. */
typedef struct {
    const int32_t *first;   /* (size_out), never falls; first + taps stays inside the source */
    const int32_t *weights; /* (size_out, taps) */
    int64_t taps, size_in, size_out;
} n3d_pass;

/* One picture of points. depth: (height, width), or NULL; then x, y, z lie at points + row + column + axis steps.
 * Steps count floats. rays_x (width), rays_y (height): x and y at depth 1 in the optical frame. */
typedef struct {
    const float *depth;
    const float *points;
    int64_t row_step, column_step, axis_step;
    int64_t height, width;
    const float *rays_x, *rays_y;
} n3d_scene;

#endif
