/* All that picture.h asks of an instruction set: sums of grey levels times weights for many outputs at once, interleaving
 * of bytes, and stores past the caches. Every version gives the same integers.
 *
 * A vector holds N3D_VECTOR grey levels of as many outputs. x86 multiplies pairs of 16 bits and adds both products to 32
 * bits in one instruction, but a weight has up to 24 bits. So it goes as two halves, weight = low + 65536 high, whose sums
 * are kept apart until levels(). Elsewhere the compiler makes vectors of plain arithmetic; for NEON that is widening and
 * one multiply-add of 32 bits. */
#ifndef N3D_VECTORS_H
#define N3D_VECTORS_H

#include "kernels.h"

#define PRECISION_BITS 22
#define ONE_HALF (1 << (PRECISION_BITS - 1))
#define PART 16 /* bytes that one transposing takes of a row */

#ifdef N3D_X86
#include <immintrin.h>

#ifndef N3D_VECTOR
#define N3D_VECTOR 16
#endif

INLINE __m128i load_part(const uint8_t *from) { return _mm_loadu_si128((const __m128i *)from); }
INLINE void store_part(uint8_t *to, __m128i part) { _mm_storeu_si128((__m128i *)to, part); }

/* n floats that this thread will not read again: past the caches, so that memory is not read before it is written and
 * nothing useful is evicted. end_of_stores() comes before others read them. */
INLINE void store_past_caches(float *restrict to, const float *restrict from, int64_t n) {
    if ((uintptr_t)to % sizeof(__m128) || n % 4) {
        memcpy(to, from, (size_t)n * sizeof *to);
        return;
    }
    for (int64_t i = 0; i < n; i += 4) _mm_stream_ps(to + i, _mm_loadu_ps(from + i));
}
INLINE void end_of_stores(void) { _mm_sfence(); }

#if N3D_VECTOR == 32
typedef __m256i vector;
#define OP(name) _mm256_##name
#define NOTHING _mm256_setzero_si256()
INLINE vector load(const uint8_t *from) { return _mm256_loadu_si256((const vector *)from); }
INLINE void store(uint8_t *to, vector bytes) { _mm256_storeu_si256((vector *)to, bytes); }

/* 16 bytes of a row and of the one 16 rows below. */
INLINE vector load_rows(const uint8_t *from, int64_t step) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_part(from)), load_part(from + PART * step), 1);
}
INLINE void store_rows(uint8_t *to, int64_t step, vector bytes) {
    store_part(to, _mm256_castsi256_si128(bytes));
    store_part(to + PART * step, _mm256_extracti128_si256(bytes, 1));
}

/* (a[0] + b[0], a[1] + b[1], ...) of the lower or upper half of every 16 bytes, as 16 bits. */
INLINE vector add_low(vector a, vector b) { return OP(maddubs_epi16)(OP(unpacklo_epi8)(a, b), OP(set1_epi8)(1)); }
INLINE vector add_high(vector a, vector b) { return OP(maddubs_epi16)(OP(unpackhi_epi8)(a, b), OP(set1_epi8)(1)); }
#else
typedef __m128i vector;
#define OP(name) _mm_##name
#define NOTHING _mm_setzero_si128()
INLINE vector load(const uint8_t *from) { return load_part(from); }
INLINE void store(uint8_t *to, vector bytes) { store_part(to, bytes); }
INLINE vector load_rows(const uint8_t *from, int64_t step) { return (void)step, load_part(from); }
INLINE void store_rows(uint8_t *to, int64_t step, vector bytes) { (void)step, store_part(to, bytes); }
INLINE vector add_low(vector a, vector b) {
    return OP(add_epi16)(OP(unpacklo_epi8)(a, NOTHING), OP(unpacklo_epi8)(b, NOTHING));
}
INLINE vector add_high(vector a, vector b) {
    return OP(add_epi16)(OP(unpackhi_epi8)(a, NOTHING), OP(unpackhi_epi8)(b, NOTHING));
}
#endif

/* Interleaving works on every 16 bytes for itself; packing in levels() undoes it in the same pieces. */
INLINE vector zip_low(vector a, vector b) { return OP(unpacklo_epi8)(a, b); }
INLINE vector zip_high(vector a, vector b) { return OP(unpackhi_epi8)(a, b); }

/* Two weights: both low halves, both high halves. */
typedef struct {
    int32_t low, high;
} weight_pair;

INLINE weight_pair pair_of(int32_t a, int32_t b) {
    const int32_t a_low = (int16_t)a, b_low = (int16_t)b, a_high = (a - a_low) >> 16, b_high = (b - b_low) >> 16;
    return (weight_pair){(int32_t)((uint32_t)b_low << 16 | (uint16_t)a_low),
                         (int32_t)((uint32_t)b_high << 16 | (uint16_t)a_high)};
}

/* By quarters of the interleaved outputs. */
typedef struct {
    vector low[4], high[4];
} sums;

INLINE sums no_sums(void) {
    const vector half = OP(set1_epi32)(ONE_HALF);
    return (sums){{half, half, half, half}, {NOTHING, NOTHING, NOTHING, NOTHING}};
}

INLINE void add_quarter(sums *all, int quarter, vector pairs, weight_pair weights) {
    const vector low = OP(madd_epi16)(pairs, OP(set1_epi32)(weights.low));
    const vector high = OP(madd_epi16)(pairs, OP(set1_epi32)(weights.high));
    all->low[quarter] = OP(add_epi32)(all->low[quarter], low);
    all->high[quarter] = OP(add_epi32)(all->high[quarter], high);
}

/* += a * first weight + b * second weight. */
INLINE void add_two(sums *all, vector a, vector b, weight_pair weights) {
    const vector left = zip_low(a, b), right = zip_high(a, b);
    add_quarter(all, 0, zip_low(left, NOTHING), weights);
    add_quarter(all, 1, zip_high(left, NOTHING), weights);
    add_quarter(all, 2, zip_low(right, NOTHING), weights);
    add_quarter(all, 3, zip_high(right, NOTHING), weights);
}

/* += (a + a_again) * first weight + (b + b_again) * second weight. */
INLINE void add_mirrored(sums *all, vector a, vector a_again, vector b, vector b_again, weight_pair weights) {
    const vector a_left = add_low(a, a_again), b_left = add_low(b, b_again);
    const vector a_right = add_high(a, a_again), b_right = add_high(b, b_again);
    add_quarter(all, 0, OP(unpacklo_epi16)(a_left, b_left), weights);
    add_quarter(all, 1, OP(unpackhi_epi16)(a_left, b_left), weights);
    add_quarter(all, 2, OP(unpacklo_epi16)(a_right, b_right), weights);
    add_quarter(all, 3, OP(unpackhi_epi16)(a_right, b_right), weights);
}

/* Sums -> grey levels, clipped by packing. */
INLINE vector levels(const sums *all) {
    vector level[4];
    for (int i = 0; i < 4; i++) {
        const vector sum = OP(add_epi32)(OP(slli_epi32)(all->high[i], 16), all->low[i]);
        level[i] = OP(srai_epi32)(sum, PRECISION_BITS);
    }
    return OP(packus_epi16)(OP(packs_epi32)(level[0], level[1]), OP(packs_epi32)(level[2], level[3]));
}

#else
#define N3D_VECTOR 16
INLINE void store_past_caches(float *restrict to, const float *restrict from, int64_t n) {
    memcpy(to, from, (size_t)n * sizeof *to);
}
INLINE void end_of_stores(void) {}

typedef uint8_t vector __attribute__((vector_size(16)));
typedef uint16_t words __attribute__((vector_size(32)));
typedef int32_t sums __attribute__((vector_size(64)));

typedef struct {
    int32_t first, second;
} weight_pair;

#if defined(__clang__)
#define ZIP(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define ZIP(a, b, ...) __builtin_shuffle(a, b, (vector){__VA_ARGS__})
#endif
INLINE vector zip_low(vector a, vector b) { return ZIP(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23); }
INLINE vector zip_high(vector a, vector b) {
    return ZIP(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}
INLINE void store(uint8_t *to, vector bytes) { memcpy(to, &bytes, sizeof bytes); }
INLINE vector load(const uint8_t *from) {
    vector bytes;
    memcpy(&bytes, from, sizeof bytes);
    return bytes;
}
INLINE vector load_rows(const uint8_t *from, int64_t step) { return (void)step, load(from); }
INLINE void store_rows(uint8_t *to, int64_t step, vector bytes) { (void)step, store(to, bytes); }

INLINE weight_pair pair_of(int32_t a, int32_t b) { return (weight_pair){a, b}; }
INLINE sums no_sums(void) { return (sums){0} + ONE_HALF; }

INLINE void add_two(sums *all, vector a, vector b, weight_pair weights) {
    *all += __builtin_convertvector(a, sums) * weights.first;
    *all += __builtin_convertvector(b, sums) * weights.second;
}

INLINE void add_mirrored(sums *all, vector a, vector a_again, vector b, vector b_again, weight_pair weights) {
    const words a_both = __builtin_convertvector(a, words) + __builtin_convertvector(a_again, words);
    const words b_both = __builtin_convertvector(b, words) + __builtin_convertvector(b_again, words);
    *all += __builtin_convertvector(a_both, sums) * weights.first;
    *all += __builtin_convertvector(b_both, sums) * weights.second;
}

/* A comparison gives all bits or none. */
INLINE vector levels(const sums *all) {
    sums level = *all >> PRECISION_BITS;
    level &= level > 0;
    level |= level > 255;
    return __builtin_convertvector(level & 255, vector);
}
#endif

#endif
