/* What the kernels share. C11 for GCC (9 and later) and Clang on x86-64 and aarch64; plain but for picture_vnni.c, which
 * is empty elsewhere. No floating-point shortcut is allowed that changes a result (see native/flags), because numpy has to
 * give the same numbers. */
#ifndef N3D_KERNELS_H
#define N3D_KERNELS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Changes with every change of a signature here; n3d_ros/preprocess/kernels.py refuses any other number. */
#define N3D_ABI 2

enum { N3D_DONE = 0, N3D_LEFT_TO_NUMPY = 1 };

/* x86-64 guarantees SSE2 only. GCC compiles these functions once per word below and picks by the machine at load time,
 * so one file runs everywhere; NEON needs no second version. x86-64-v4 is AVX-512, which GCC knows here from 12 on.
 * Sanitizers cannot start with it: build for them with -DN3D_NO_CLONES. -DN3D_NO_VNNI leaves picture_vnni.c out, too. */
#if !defined(__x86_64__) || !defined(__GNUC__) || defined(__clang__) || !defined(__gnu_linux__) || defined(N3D_NO_CLONES)
#define CLONES
#elif __GNUC__ >= 12
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define CLONES __attribute__((target_clones("avx2", "default")))
#endif
#define INLINE static inline __attribute__((always_inline))

#define N3D_MAX_ROW_GROUPS 8

/* Both passes of one resize for native/picture_vnni.c, made and explained by n3d_ros/preprocess/vnni_layout.py. */
typedef struct {
    const int32_t *start; /* (blocks, groups): first of the 64 source bytes of 16 outputs */
    const uint8_t *table; /* (blocks, groups, 4, 64): indices into them, then three bytes of every weight */
    int64_t blocks, groups;
    const int32_t *quad;  /* (out_height): first quad of source rows */
    const int32_t *limbs; /* (out_height, row_groups, 3): three bytes of the weights of a quad's four rows */
    int64_t row_groups;
    int64_t in_height, out_width, out_height;
} n3d_stage;

#endif
