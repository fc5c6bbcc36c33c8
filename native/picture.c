/* Pillow's two-pass resize of RGB pictures, and patch rows of the result.
 *
 * Pillow (src/libImaging/Resample.c) multiplies grey levels with coefficients of 22 fractional bits, adds one half,
 * shifts and clips to 8 bits after each pass. Integers only, so the same bits come out in any order of additions.
 * Coefficients and first source pixels come from n3d_ros/resample.py, which also bounds them: a window
 * [first, first + taps) never leaves the source. */
#include "kernels.h"

int n3d_abi(void) { return N3D_ABI; }

#define PRECISION_BITS 22
#define TILE 16 /* rows that the column pass handles side by side */

typedef uint8_t bytes __attribute__((vector_size(TILE)));
/* out[i] = one output of i's `taps` sources, `step` apart. Inlined with a constant number of taps the compiler unrolls
 * the inner loop and vectorises the outer one. TYPE: uint8_t, or int32_t where levels were widened before. */
#define DEFINE_WEIGH(NAME, TYPE) \
    INLINE void NAME(const TYPE *restrict source, int64_t step, int64_t n, const int32_t *restrict weight, int64_t taps, \
                     uint8_t *restrict out) { \
        for (int64_t i = 0; i < n; i++) { \
            int32_t sum = 1 << (PRECISION_BITS - 1); \
            for (int64_t tap = 0; tap < taps; tap++) sum += source[tap * step + i] * weight[tap]; \
            sum >>= PRECISION_BITS; \
            out[i] = (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum); \
        } \
    }
DEFINE_WEIGH(weigh, uint8_t)
DEFINE_WEIGH(weigh_wide, int32_t)

/* 16 rows of 16 bytes -> 16 columns: four rounds of interleaving the upper with the lower half. */
INLINE void transpose(const uint8_t *source, int64_t source_step, uint8_t *target, int64_t target_step) {
    bytes a[TILE], b[TILE];
    for (int i = 0; i < TILE; i++) memcpy(&a[i], source + i * source_step, TILE);
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < TILE / 2; i++) {
#if defined(__clang__)
            b[2 * i] = __builtin_shufflevector(a[i], a[i + 8], 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            b[2 * i + 1] = __builtin_shufflevector(a[i], a[i + 8], 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
#else
            b[2 * i] = __builtin_shuffle(a[i], a[i + 8], (bytes){0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23});
            b[2 * i + 1] = __builtin_shuffle(a[i], a[i + 8], (bytes){8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31});
#endif
        }
        memcpy(a, b, sizeof a);
    }
    for (int i = 0; i < TILE; i++) memcpy(target + i * target_step, &a[i], TILE);
}

/* `rows` (at most 16) rows of n bytes -> (n, 16), the rows side by side. */
CLONES static void to_tile(const uint8_t *source, int64_t step, int64_t rows, int64_t n, int32_t *restrict tile) {
    int64_t done = 0;
    if (rows == TILE)
        for (; done + TILE <= n; done += TILE) {
            uint8_t block[TILE * TILE];
            transpose(source + done, step, block, TILE);
            for (int i = 0; i < TILE * TILE; i++) tile[done * TILE + i] = block[i];
        }
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = done; i < n; i++) tile[i * TILE + row] = source[row * step + i];
}

CLONES static void from_tile(const uint8_t *tile, int64_t rows, int64_t n, uint8_t *target) {
    int64_t done = 0;
    if (rows == TILE)
        for (; done + TILE <= n; done += TILE) transpose(tile + done * TILE, TILE, target + done, n);
    for (int64_t row = 0; row < rows; row++)
        for (int64_t i = done; i < n; i++) target[row * n + i] = tile[i * TILE + row];
}

/* One tile (in_width, 3 channels, 16 rows) -> (out_width, 3, 16). */
INLINE void tile_loop(const int32_t *restrict tile, int64_t out_width, const int32_t *restrict first,
                      const int32_t *restrict coefficients, int64_t taps, uint8_t *restrict out) {
    for (int64_t x = 0; x < out_width; x++)
        weigh_wide(tile + first[x] * 3 * TILE, 3 * TILE, 3 * TILE, coefficients + x * taps, taps, out + x * 3 * TILE);
}

CLONES static void resize_tile(const int32_t *restrict tile, int64_t out_width, const int32_t *restrict first,
                               const int32_t *restrict coefficients, int64_t taps, uint8_t *restrict out) {
    switch (taps) {
    case 4: tile_loop(tile, out_width, first, coefficients, 4, out); break;
    case 5: tile_loop(tile, out_width, first, coefficients, 5, out); break;
    case 12: tile_loop(tile, out_width, first, coefficients, 12, out); break;
    default: tile_loop(tile, out_width, first, coefficients, taps, out);
    }
}

/* (height, in_width, 3) with `step` bytes from row to row -> (height, out_width, 3). */
int n3d_resize_columns(const uint8_t *source, int64_t step, int64_t height, int64_t in_width, int64_t out_width,
                       const int32_t *first, const int32_t *coefficients, int64_t taps, uint8_t *out) {
    int32_t *tile = calloc((size_t)(in_width * 4 + out_width) * 3, TILE);
    if (!tile) return N3D_LEFT_TO_NUMPY;
    uint8_t *resized = (uint8_t *)(tile + in_width * 3 * TILE);
    for (int64_t y = 0; y < height; y += TILE) {
        int64_t rows = height - y < TILE ? height - y : TILE;
        to_tile(source + y * step, step, rows, in_width * 3, tile);
        resize_tile(tile, out_width, first, coefficients, taps, resized);
        from_tile(resized, rows, out_width * 3, out + y * out_width * 3);
    }
    free(tile);
    return N3D_DONE;
}

/* One output row of n bytes from `taps` source rows. */
CLONES static void resize_row(const uint8_t *restrict source, int64_t step, int64_t n, const int32_t *restrict weight,
                              int64_t taps, uint8_t *restrict out) {
    switch (taps) {
    case 4: weigh(source, step, n, weight, 4, out); break;
    case 5: weigh(source, step, n, weight, 5, out); break;
    case 12: weigh(source, step, n, weight, 12, out); break;
    default: weigh(source, step, n, weight, taps, out);
    }
}

/* (in_height, width, 3) with `step` bytes from row to row -> (out_height, width, 3). */
int n3d_resize_rows(const uint8_t *source, int64_t step, int64_t width, int64_t out_height, const int32_t *first,
                    const int32_t *coefficients, int64_t taps, uint8_t *out) {
    int64_t n = width * 3;
    for (int64_t y = 0; y < out_height; y++)
        resize_row(source + first[y] * step, step, n, coefficients + y * taps, taps, out + y * n);
    return N3D_DONE;
}

/* One patch of a strip of `patch` lines, grey levels through the CLIP tables; the model sees the frame twice in time. */
INLINE void fill_patch(const uint8_t *restrict strip, int64_t step, const float *restrict tables, int64_t patch,
                       float *restrict row) {
    for (int64_t channel = 0; channel < 3; channel++) {
        const float *table = tables + 256 * channel;
        float *first = row + 2 * channel * patch * patch, *target = first;
        for (int64_t y = 0; y < patch; y++)
            for (int64_t x = 0; x < patch; x++) *target++ = table[strip[y * step + 3 * x + channel]];
        memcpy(target, first, (size_t)(patch * patch) * sizeof *first);
    }
}

static void fill_strip(const uint8_t *strip, int64_t step, int64_t num_patches, const float *tables, int64_t patch,
                       int64_t merge, int64_t in_group, float *rows) {
    for (int64_t column = 0; column < num_patches; column++) {
        float *row = rows + (column / merge * merge * merge + in_group * merge + column % merge) * 6 * patch * patch;
        const uint8_t *source = strip + column * patch * 3;
        if (patch == 14)
            fill_patch(source, step, tables, 14, row);
        else
            fill_patch(source, step, tables, patch, row);
    }
}

/* The last pass over rows, straight into patch rows (N, 3 channels, 2 equal frames, patch, patch) in merge-group order.
 * taps = 0: the picture has its height already. tables: (3, 256). width and out_height are multiples of patch*merge. */
int n3d_patch_rows(const uint8_t *source, int64_t step, int64_t width, int64_t out_height, const int32_t *first,
                   const int32_t *coefficients, int64_t taps, const float *tables, int64_t patch, int64_t merge,
                   float *out) {
    const int64_t n = width * 3, num_patches = width / patch;
    uint8_t *strip = malloc((size_t)(patch * n));
    if (!strip) return N3D_LEFT_TO_NUMPY;
    for (int64_t top = 0; top < out_height; top += patch) {
        for (int64_t y = top; taps && y < top + patch; y++)
            resize_row(source + first[y] * step, step, n, coefficients + y * taps, taps, strip + (y - top) * n);
        const int64_t in_group = top / patch % merge, group_row = top / patch / merge;
        fill_strip(taps ? strip : source + top * step, taps ? n : step, num_patches, tables, patch, merge, in_group,
                   out + group_row * num_patches * merge * 6 * patch * patch);
    }
    free(strip);
    return N3D_DONE;
}
