/* The whole way from a picture to patch rows on x86-64 with AVX-512 VNNI and VBMI, strip by strip, so that nothing
 * between source and patch rows leaves the second cache. The levels are picture.c's: the same integers in another order.
 *
 * A weight w of 24 bits is three signed bytes, w = low + 256 mid + 65536 high; one instruction multiplies four grey
 * levels with one such byte each and adds the four products to 32 bits. So four taps cost three instructions, and the
 * three sums make the sum of picture.c.
 * Columns: one shuffle brings the four levels of 16 outputs beside each other; where from is worked out once per size in
 * n3d_ros/preprocess/vnni_layout.py. Rows: the column pass leaves four rows side by side, a "quad", as the row pass wants to read them.
 * Other machines use picture.c; n3d_vnni() says which. */
#include "kernels.h"

#if defined(__x86_64__) && (defined(__clang__) || __GNUC__ >= 9) && !defined(N3D_NO_VNNI)
#include <immintrin.h>

#define VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi,avx512vnni")))
#define VNNI_INLINE VNNI INLINE
#define VECTOR 64 /* bytes */
#define LANES 16 /* outputs of a vector of sums */
#define QUAD 4 /* rows side by side */
#define BATCH 4 /* quads made at a time, so that a block's weights are read once for 16 rows */
#define LIMBS 3
#define INTO_SECOND_CACHE 2 /* of __builtin_prefetch */
#define PRECISION_BITS 22
#define MAX_PATCH 16

int n3d_vnni(void) {
    return __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

/* Where the rows of a stage come from, and the quads of its column pass that are still needed. */
typedef struct flow {
    const n3d_stage *stage;
    const uint8_t *source; /* of the first stage */
    int64_t step;
    struct flow *before; /* of the second stage */
    uint8_t *lines, *ring; /* (BATCH * QUAD, before's stride); (capacity, stride * QUAD) */
    int64_t stride, capacity, num_made;
} flow;

/* Sums of the three limbs -> levels, not yet clipped: packing clips them. `low` began at one half. */
VNNI_INLINE __m512i levels_of(__m512i low, __m512i mid, __m512i high) {
    __m512i sum = _mm512_add_epi32(_mm512_slli_epi32(high, 8), mid);
    return _mm512_srai_epi32(_mm512_add_epi32(_mm512_slli_epi32(sum, 8), low), PRECISION_BITS);
}

/* Four vectors of 16 levels -> 64 bytes, clipped; each 16 bytes hold four levels of every vector, vector after vector. */
VNNI_INLINE __m512i packed(const __m512i *levels) {
    return _mm512_packus_epi16(_mm512_packs_epi32(levels[0], levels[1]), _mm512_packs_epi32(levels[2], levels[3]));
}

/* 16 outputs of four rows -> 64 bytes of a quad. table: (groups, index and three limbs, 64). */
VNNI_INLINE __m512i quad_of_block(const uint8_t *const *rows, const int32_t *start, const uint8_t *table, int64_t groups) {
    const __m512i half = _mm512_set1_epi32(1 << (PRECISION_BITS - 1));
    const __m512i by_output = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m512i levels[QUAD];
    for (int row = 0; row < QUAD; row++) {
        __m512i low = half, mid = _mm512_setzero_si512(), high = _mm512_setzero_si512();
        for (int64_t group = 0; group < groups; group++) {
            const uint8_t *entry = table + group * (1 + LIMBS) * VECTOR;
            __m512i taps = _mm512_permutexvar_epi8(_mm512_loadu_si512(entry), _mm512_loadu_si512(rows[row] + start[group]));
            low = _mm512_dpbusd_epi32(low, taps, _mm512_loadu_si512(entry + VECTOR));
            mid = _mm512_dpbusd_epi32(mid, taps, _mm512_loadu_si512(entry + 2 * VECTOR));
            high = _mm512_dpbusd_epi32(high, taps, _mm512_loadu_si512(entry + 3 * VECTOR));
        }
        levels[row] = levels_of(low, mid, high);
    }
    return _mm512_shuffle_epi8(packed(levels), by_output);
}

/* BATCH * QUAD rows -> BATCH quads. A constant number of groups keeps their weights in registers. ahead: bytes from a row
 * to that of the next batch, which is asked for early: 16 rows side by side are more than the processor foresees. */
VNNI_INLINE void columns_of(const n3d_stage *stage, const uint8_t *const *rows, int64_t ahead, uint8_t *const *quads,
                            int64_t groups) {
    for (int64_t block = 0; block < stage->blocks; block++) {
        const int32_t *start = stage->start + block * groups;
        const uint8_t *table = stage->table + block * groups * (1 + LIMBS) * VECTOR;
        for (int row = 0; ahead && row < BATCH * QUAD; row++)
            __builtin_prefetch(rows[row] + ahead + start[0], 0, INTO_SECOND_CACHE);
        for (int quad = 0; quad < BATCH; quad++)
            _mm512_store_si512(quads[quad] + block * VECTOR, quad_of_block(rows + quad * QUAD, start, table, groups));
    }
}

VNNI static void resize_columns(const n3d_stage *stage, const uint8_t *const *rows, int64_t ahead, uint8_t *const *quads) {
    switch (stage->groups) {
    case 1: columns_of(stage, rows, ahead, quads, 1); break;
    case 2: columns_of(stage, rows, ahead, quads, 2); break;
    case 3: columns_of(stage, rows, ahead, quads, 3); break;
    default: columns_of(stage, rows, ahead, quads, stage->groups);
    }
}

/* One row of `stride` bytes from `groups` quads. limbs: (groups, 3) times four signed bytes. */
VNNI_INLINE void row_of(const uint8_t *const *quads, const int32_t *limbs, int64_t groups, int64_t stride, uint8_t *out) {
    const __m512i half = _mm512_set1_epi32(1 << (PRECISION_BITS - 1));
    const __m512i by_vector = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (int64_t i = 0; i < stride; i += VECTOR) {
        __m512i levels[QUAD];
        for (int part = 0; part < QUAD; part++) {
            __m512i low = half, mid = _mm512_setzero_si512(), high = _mm512_setzero_si512();
            for (int64_t group = 0; group < groups; group++) {
                __m512i taps = _mm512_load_si512(quads[group] + i * QUAD + part * VECTOR);
                low = _mm512_dpbusd_epi32(low, taps, _mm512_set1_epi32(limbs[group * LIMBS]));
                mid = _mm512_dpbusd_epi32(mid, taps, _mm512_set1_epi32(limbs[group * LIMBS + 1]));
                high = _mm512_dpbusd_epi32(high, taps, _mm512_set1_epi32(limbs[group * LIMBS + 2]));
            }
            levels[part] = levels_of(low, mid, high);
        }
        _mm512_storeu_si512(out + i, _mm512_permutexvar_epi32(by_vector, packed(levels)));
    }
}

VNNI static void resize_row(const uint8_t *const *quads, const int32_t *limbs, int64_t groups, int64_t stride,
                            uint8_t *out) {
    switch (groups) {
    case 1: row_of(quads, limbs, 1, stride, out); break;
    case 2: row_of(quads, limbs, 2, stride, out); break;
    case 3: row_of(quads, limbs, 3, stride, out); break;
    case 4: row_of(quads, limbs, 4, stride, out); break;
    default: row_of(quads, limbs, groups, stride, out);
    }
}

static void make_line(flow *flow, int64_t y, uint8_t *out);

/* The next BATCH quads of a stage's column pass, over the oldest ones. Rows beyond the last repeat it; no weight is theirs. */
static void make_quads(flow *flow) {
    const uint8_t *rows[BATCH * QUAD];
    uint8_t *quads[BATCH];
    const int64_t last = flow->stage->in_height - 1;
    for (int64_t i = 0, y = flow->num_made * QUAD; i < BATCH * QUAD; i++, y++) {
        if (!flow->before) {
            rows[i] = flow->source + (y < last ? y : last) * flow->step;
        } else if (y > last) {
            rows[i] = rows[i - 1];
        } else {
            rows[i] = flow->lines + i * flow->before->stride;
            make_line(flow->before, y, flow->lines + i * flow->before->stride);
        }
    }
    for (int i = 0; i < BATCH; i++)
        quads[i] = flow->ring + (flow->num_made + i) % flow->capacity * flow->stride * QUAD;
    resize_columns(flow->stage, rows, flow->before ? 0 : BATCH * QUAD * flow->step, quads);
    flow->num_made += BATCH;
}

/* Row y of a stage's result; y never falls from call to call by more than the ring holds. */
static void make_line(flow *flow, int64_t y, uint8_t *out) {
    const n3d_stage *stage = flow->stage;
    const uint8_t *quads[N3D_MAX_ROW_GROUPS];
    while (flow->num_made < stage->quad[y] + stage->row_groups) make_quads(flow);
    for (int64_t group = 0; group < stage->row_groups; group++)
        quads[group] = flow->ring + (stage->quad[y] + group) % flow->capacity * flow->stride * QUAD;
    resize_row(quads, stage->limbs + y * stage->row_groups * LIMBS, stage->row_groups, flow->stride, out);
}

/* 16 levels -> normalised values. numpy's table holds the same (float)(level * scale + offset), in float64 until then. */
VNNI_INLINE __m512 normalised(__m128i levels, __m512d scale, __m512d offset) {
    __m512i wide = _mm512_cvtepu8_epi32(levels);
    __m512d left = _mm512_cvtepi32_pd(_mm512_castsi512_si256(wide));
    __m512d right = _mm512_cvtepi32_pd(_mm512_extracti64x4_epi64(wide, 1));
    __m256 low = _mm512_cvtpd_ps(_mm512_add_pd(_mm512_mul_pd(left, scale), offset));
    __m256 high = _mm512_cvtpd_ps(_mm512_add_pd(_mm512_mul_pd(right, scale), offset));
    return _mm512_castpd_ps(_mm512_insertf64x4(_mm512_castps_pd(_mm512_castps256_ps512(low)), _mm256_castps_pd(high), 1));
}

/* Of a patch in its row of patches, among the rows of its merge groups. */
INLINE int64_t place_of(int64_t column, int64_t merge) { return column / merge * merge * merge + column % merge; }

/* `patch` lines of pixels -> the patch rows of one row of patches; see n3d_patch_rows. */
VNNI_INLINE void write_patches(const uint8_t *lines, int64_t stride, int64_t width, const double *scale,
                               const double *offset, int64_t patch, int64_t merge, float *rows) {
    const int64_t area = patch * patch;
    const __mmask16 inside = (__mmask16)((1u << patch) - 1);
    uint8_t by_channel[VECTOR] = {0};
    for (int64_t i = 0; i < 3 * patch; i++) by_channel[i % 3 * LANES + i / 3] = (uint8_t)i;
    const __m512i index = _mm512_loadu_si512(by_channel);
    const __m512d scales[3] = {_mm512_set1_pd(scale[0]), _mm512_set1_pd(scale[1]), _mm512_set1_pd(scale[2])};
    const __m512d offsets[3] = {_mm512_set1_pd(offset[0]), _mm512_set1_pd(offset[1]), _mm512_set1_pd(offset[2])};
    for (int64_t column = 0; column * patch < width; column++) {
        float *row = rows + place_of(column, merge) * 6 * area;
        const float *next = rows + place_of(column + 1, merge) * 6 * area;
        for (int64_t y = 0; y < patch; y++, row += patch, next += patch) {
            for (int plane = 0; plane < 6; plane++) __builtin_prefetch(next + plane * area, 1);
            __m512i pixels = _mm512_loadu_si512(lines + y * stride + column * 3 * patch);
            __m512i planes = _mm512_permutexvar_epi8(index, pixels);
            __m512 red = normalised(_mm512_castsi512_si128(planes), scales[0], offsets[0]);
            __m512 green = normalised(_mm512_extracti32x4_epi32(planes, 1), scales[1], offsets[1]);
            __m512 blue = normalised(_mm512_extracti32x4_epi32(planes, 2), scales[2], offsets[2]);
            _mm512_mask_storeu_ps(row, inside, red);
            _mm512_mask_storeu_ps(row + area, inside, red);
            _mm512_mask_storeu_ps(row + 2 * area, inside, green);
            _mm512_mask_storeu_ps(row + 3 * area, inside, green);
            _mm512_mask_storeu_ps(row + 4 * area, inside, blue);
            _mm512_mask_storeu_ps(row + 5 * area, inside, blue);
        }
    }
}

VNNI static void write_strip(const uint8_t *lines, int64_t stride, int64_t width, const double *scale,
                             const double *offset, int64_t patch, int64_t merge, float *rows) {
    if (patch == 14 && merge == 2)
        write_patches(lines, stride, width, scale, offset, 14, 2, rows);
    else
        write_patches(lines, stride, width, scale, offset, patch, merge, rows);
}

static int64_t padded(int64_t size) { return (size + VECTOR - 1) / VECTOR * VECTOR; }

/* Strides, ring and lines of a stage; bytes used from `memory` on, or only their number if memory is NULL. */
static int64_t lay_out(flow *flow, uint8_t *memory) {
    flow->stride = flow->stage->blocks * LANES;
    flow->capacity = flow->stage->row_groups + BATCH;
    const int64_t ring = flow->capacity * flow->stride * QUAD;
    flow->ring = memory, flow->lines = memory ? memory + ring : NULL;
    return ring + (flow->before ? BATCH * QUAD * flow->before->stride : 0);
}

/* (height, width, 3) with `step` bytes from row to row, through one or two stages -> patch rows as of n3d_patch_rows.
 * N3D_LEFT_TO_NUMPY: no memory, or a machine or layout that picture.c has to handle. */
int n3d_picture_rows(const uint8_t *source, int64_t step, const n3d_stage *stages, int64_t num_stages, const double *scale,
                     const double *offset, int64_t patch, int64_t merge, float *out) {
    if (!n3d_vnni() || patch > MAX_PATCH) return N3D_LEFT_TO_NUMPY;
    flow flows[2] = {{.stage = stages, .source = source, .step = step}, {.stage = stages + 1, .before = flows}};
    flow *last = flows + num_stages - 1;
    int64_t sizes[2] = {0}, width = last->stage->out_width;
    for (int i = 0; i < num_stages; i++) sizes[i] = lay_out(flows + i, NULL);
    const int64_t stride = last->stride, strip = patch * stride + VECTOR; /* a patch is read as 64 bytes */
    uint8_t *memory = aligned_alloc(VECTOR, (size_t)padded(sizes[0] + sizes[1] + strip));
    if (!memory) return N3D_LEFT_TO_NUMPY;
    uint8_t *lines = memory + sizes[0] + sizes[1];
    lay_out(flows, memory);
    if (num_stages == 2) lay_out(last, memory + sizes[0]);
    for (int64_t top = 0; top < last->stage->out_height; top += patch) {
        for (int64_t y = 0; y < patch; y++) make_line(last, top + y, lines + y * stride);
        const int64_t group_row = top / patch / merge, in_group = top / patch % merge;
        float *rows = out + (group_row * (width / patch) + in_group) * merge * 6 * patch * patch;
        write_strip(lines, stride, width, scale, offset, patch, merge, rows);
    }
    free(memory);
    return N3D_DONE;
}
#else
int n3d_vnni(void) { return 0; }
#endif
